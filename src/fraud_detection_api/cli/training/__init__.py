"""fraud train, tune, retrain and evaluate."""
