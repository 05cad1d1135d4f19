"""Values to symbols within an error bound."""
