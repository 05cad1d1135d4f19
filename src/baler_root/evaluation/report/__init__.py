"""Reports: original and decompressed events compared, on one HTML page."""
