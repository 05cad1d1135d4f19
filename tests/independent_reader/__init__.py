"""A second reader of `.baler` files, from the texts in `formats/` alone; it imports nothing of baler_root."""
