"""People who use the console: accounts, sign-in, sessions, and the trail of what they did."""
