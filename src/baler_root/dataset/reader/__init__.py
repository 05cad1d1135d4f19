"""Pages of a file as columns and arrays."""
