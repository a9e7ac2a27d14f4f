"""Estimates with intervals, bootstraps, calibration error and rounding. Pure functions over arrays."""
