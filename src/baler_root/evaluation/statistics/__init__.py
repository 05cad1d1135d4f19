"""The statistics of a discovery."""
