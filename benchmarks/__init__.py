"""Measurements: how good the models are, beside others on the same data. Timing is judged here and never in a test."""
