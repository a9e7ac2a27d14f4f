"""Stored decisions, counted for drift and scored by the challenger, beside the servers."""
