"""Files and tables of records, which are read and checked with Polars."""
