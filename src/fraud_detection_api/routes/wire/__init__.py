"""HTTP/1.1 on a connection: its bytes in and out, its limits, and how many connections there may be."""
