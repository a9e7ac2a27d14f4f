"""The report of a model: one page for people, one Markdown card for repositories, from the same sections."""
