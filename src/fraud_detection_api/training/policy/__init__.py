"""Policies priced, changed and compared on a model's own evidence."""
