"""The review queue: its list, and the page of a case with what a reviewer can do."""
