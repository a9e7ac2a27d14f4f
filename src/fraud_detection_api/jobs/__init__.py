"""Use cases of the command line. A job reports to a listener and returns a value; it never prints."""
