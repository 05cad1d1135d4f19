"""Tests of `baler_root.api`: compress, merge, verify, models in files of their own."""
