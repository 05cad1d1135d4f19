"""ROOT files in and out."""
