"""A parametrised detector: reconstructed objects from generated particles."""
