"""Encoders for firmware: their bit widths, their cost in an FPGA, and the search within a budget."""
