"""Trees, columns and grids that benchmarks compress."""
