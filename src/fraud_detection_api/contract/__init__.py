"""What a record is: declared once in a TOML file, from which validation, encoding and documentation follow."""
