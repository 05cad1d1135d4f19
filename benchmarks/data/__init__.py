"""The trees, columns and grids that benchmarks compress."""
