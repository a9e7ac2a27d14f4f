"""What a model card's figures rest on: curves, tables and segments of the held-out test part, as JSON values."""
