"""Tests of `baler_root.format`: bytes, containers, pages, codecs, networks, entropy coding."""
