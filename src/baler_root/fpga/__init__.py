"""Firmware from the encoder of an autoencoder model."""
