"""Encoders for firmware: their bit widths, what they cost in an FPGA, and the search within a budget."""
