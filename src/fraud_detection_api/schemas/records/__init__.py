"""Records on the wire: their bytes to validated records of a contract, and what is wrong with bad ones."""
