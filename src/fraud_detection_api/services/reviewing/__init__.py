"""People review decisions: the queue, who has which case, and what they say."""
