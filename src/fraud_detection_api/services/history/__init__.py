"""Stored decisions: look-up, pages and replay."""
