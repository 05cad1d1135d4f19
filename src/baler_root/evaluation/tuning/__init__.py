"""Search for error bounds that keep the results of an analysis within a budget."""
