"""Who may ask, and how much work a process accepts at a time."""
