"""Samples with the schema of the ATLAS Open Data: generated ones, or the real files from their catalogue."""
