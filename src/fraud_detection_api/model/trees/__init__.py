"""The trees of a model: their layout, the compiled loops that walk them, and the attribution of margins to features."""
