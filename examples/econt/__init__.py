"""A front end like HGCAL's ECON-T: 48 trigger cells of a silicon module to 16 latents (README.md)."""
