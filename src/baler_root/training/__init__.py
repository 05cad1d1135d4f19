"""Training: the only place that imports torch. Nothing in here is needed to read a file."""
