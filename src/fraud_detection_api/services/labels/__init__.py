"""Labels of decisions, and training sets made from them."""
