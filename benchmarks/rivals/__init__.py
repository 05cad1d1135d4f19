"""Rivals of `.baler`: ROOT files, compressors of single columns, Baler's networks."""
