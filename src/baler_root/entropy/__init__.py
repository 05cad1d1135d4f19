"""Entropy coding with distributions that are integers from end to end (formats/codecs.md#conditional)."""
