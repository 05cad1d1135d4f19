"""Tests on real files, real analyses and real ROOT, where these are present."""
