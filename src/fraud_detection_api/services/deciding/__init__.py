"""From records to decisions, and to the rows that are stored for them."""
