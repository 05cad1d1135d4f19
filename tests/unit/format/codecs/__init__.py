"""Tests of `baler_root.format.codecs`."""
