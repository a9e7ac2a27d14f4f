"""What is shown to people, as tables and notes made of JSON values."""
