"""The detector's answer: from true particles to reconstructed objects."""
