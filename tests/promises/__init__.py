"""Promises to users, whatever code keeps them."""
