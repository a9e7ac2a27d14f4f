"""What all routes share of HTTP: connections, the context of a request, its body, its key, and problems."""
