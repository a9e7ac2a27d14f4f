"""The pages of models: which serve, how good they are, how they compare, and their promotion."""
