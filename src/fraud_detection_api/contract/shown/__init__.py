"""A contract as people read it: its documentation, advice about it, and its wording apart."""
