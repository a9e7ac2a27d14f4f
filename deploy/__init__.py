"""How the service is run: what watches it, and the files that other systems read."""
