"""Stored decisions: looked up, paged through and replayed."""
