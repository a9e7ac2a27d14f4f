"""Evidence behind the figures of a model card: curves, tables and segments of the test part, as JSON values."""
