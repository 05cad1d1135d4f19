"""Compresses a tree: plans it, learns models, and encodes its clusters as pages."""
