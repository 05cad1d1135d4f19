"""What compression does to physics."""
