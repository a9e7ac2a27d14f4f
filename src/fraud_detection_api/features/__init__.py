"""Features over what an entity did before: one fold for serving, training and replay."""
