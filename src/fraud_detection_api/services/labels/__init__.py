"""What turned out to be true of decisions, and the training sets made from it."""
