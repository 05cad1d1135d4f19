"""Tests of codecs that other packages offer; `example_codec/` is such a package."""
