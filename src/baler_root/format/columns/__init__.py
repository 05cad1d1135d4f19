"""Arrays as flat columns, and back: form to columns, array to columns, columns to array."""
