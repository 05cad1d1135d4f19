"""Firmware projects: HLS and Verilog, test vectors, the comparison of all computations, and the report."""
