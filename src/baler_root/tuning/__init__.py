"""Error bounds against physics: how much each costs an analysis (`scan`), and the loosest within a budget (`tune`)."""
