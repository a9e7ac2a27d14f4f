"""What entities did before: the history features of files and of a server's requests."""
