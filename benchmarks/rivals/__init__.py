"""What `.baler` is compared with: ROOT files, compressors of single columns, Baler's networks."""
