"""Values to symbols and back."""
