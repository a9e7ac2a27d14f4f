"""How fast kept decisions are found among many."""
