"""Unix sockets between a server's processes."""
