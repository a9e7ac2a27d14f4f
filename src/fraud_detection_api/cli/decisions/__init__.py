"""What is done with stored decisions: look them up, label, export and replay them."""
