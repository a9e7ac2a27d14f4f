"""What the scoring routes share: from a request's bytes to its answer's, by way of the store."""
