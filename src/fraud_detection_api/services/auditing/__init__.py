"""The log of the store: everything that was committed, in order, in a hash tree whose roots are signed."""
