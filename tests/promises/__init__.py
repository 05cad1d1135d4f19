"""What a user may rely on, whatever code keeps it."""
