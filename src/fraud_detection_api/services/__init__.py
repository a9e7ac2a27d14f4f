"""The use cases. They know ports and values; no HTTP, no adapter, no setting."""
