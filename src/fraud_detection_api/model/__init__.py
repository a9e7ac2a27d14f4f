"""A trained model: trees, calibration, and the bundle that holds all that a score depends on."""
