"""What several tests need: the command line, comparisons, events, models, files that lie."""
