"""What a decision is, how it is stored, and its label."""
