"""The page of a decision, the search for decisions, and their export."""
