"""Arrays of a ROOT tree to pages."""
