"""What stands behind the ports. Adapters ignore each other; the container picks them."""
