"""Firmware from the encoder of an autoencoder model: built, explored, and its packets decoded."""
