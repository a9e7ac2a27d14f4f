"""The models in service, those in the registry, and the roll-out between them."""
