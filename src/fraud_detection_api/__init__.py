"""Fraud scoring for tabular customer records: train, serve, trust and defend."""

from importlib.metadata import version

__version__ = version("fraud-detection-api")
