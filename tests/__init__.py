"""Tests of baler-root: promises to its users, units that mirror `src/`, and what both are made with."""
