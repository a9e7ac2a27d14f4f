"""Writing decisions, and looking after the store that holds them."""
