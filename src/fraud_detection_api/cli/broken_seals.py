"""What people are told of decisions whose seal is broken."""

MOST_SHOWN = 20
"""So many are named to people; programs get them all."""

OTHER_KEY = (
    "is FRAUD_SEAL_KEY (or FRAUD_SEAL_KEY_FILE) the server's? With another key, or without it, every seal looks broken"
)
