"""Who may send requests, and when a process stops taking them."""
