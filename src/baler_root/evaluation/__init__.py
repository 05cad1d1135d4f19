"""Impact of compression on physics: analyses, statistics, reports, and error bounds tuned to a budget."""
