"""`fraud demo`: a product that lives on made-up data."""
