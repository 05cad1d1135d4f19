"""Original and decompressed events side by side, on one page."""
