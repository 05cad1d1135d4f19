"""Compares encoders of several sizes: their accuracy against what they cost in an FPGA."""
