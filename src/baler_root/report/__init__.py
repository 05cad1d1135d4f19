"""What compression does to physics: measured on original and decompressed events side by side, shown on one page."""
