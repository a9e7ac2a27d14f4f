"""Boosters: how they grow from one matrix."""
