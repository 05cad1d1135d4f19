"""What analyses are made of: selections, measured quantities, and the statistics of a discovery."""
