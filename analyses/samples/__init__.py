"""Samples with the schema of the ATLAS Open Data: generated here, or the real ones through their catalogue."""
