"""What monitoring says: drift, performance, champion against challenger. Pure functions over arrays and counts."""
