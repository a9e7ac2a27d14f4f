"""How fast the console's pages are among millions of decisions, and what people who browse cost those who score."""
