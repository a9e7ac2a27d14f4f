"""What a record is: declared in a TOML file, from which validation, encoding and documentation follow."""
