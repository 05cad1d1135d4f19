"""Which error bound each branch gets, and why."""
