"""Processes that run beside the workers, and what starts, watches and stops them."""
