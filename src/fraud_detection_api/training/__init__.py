"""File to model: data, splits, boosters, calibration, evaluation. Never imported by serving."""
