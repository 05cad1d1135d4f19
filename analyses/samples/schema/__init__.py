"""Trees and branches of samples, named as in ATLAS Open Data."""
