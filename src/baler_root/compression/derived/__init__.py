"""Finds derived quantities, such as masses of pairs: columns that formulas of others predict."""
