"""Rules that give each branch its error bound, and the reason for it."""
