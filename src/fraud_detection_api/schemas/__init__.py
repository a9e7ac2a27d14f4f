"""The wire: requests, responses and problems, as callers see them."""
