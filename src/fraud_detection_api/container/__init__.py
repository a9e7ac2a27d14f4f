"""Builds every long-lived object from the settings."""
