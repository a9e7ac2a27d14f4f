"""Files and tables of records, read and checked with Polars."""
