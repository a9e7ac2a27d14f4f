"""The page of the policy: the one in force in words, and what another one would do."""
