"""Firmware from the encoder of an autoencoder model; hls4ml and da4ml are imported in this folder only."""
