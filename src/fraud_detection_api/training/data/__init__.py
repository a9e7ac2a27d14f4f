"""From a labelled file to training data and its splits."""
