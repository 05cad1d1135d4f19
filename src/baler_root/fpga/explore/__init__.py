"""Accuracy of encoders against their size."""
