"""The words for records: a fraud team's, or a lender's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """`event` is what the model predicts, `others` are the records without it."""

    event: str
    events: str
    other: str
    others: str
    rate: str


PURPOSES = {
    "fraud": Words("fraud", "frauds", "legitimate record", "legitimate records", "fraud rate"),
    "credit": Words("default", "defaults", "good record", "good records", "default rate"),
}


def words_for(purpose: str) -> Words:
    """Words of a purpose, `fraud` or `credit`. Raises ValueError for any other."""
    if purpose not in PURPOSES:
        raise ValueError(f"a model's purpose is {' or '.join(PURPOSES)}, not {purpose!r}")
    return PURPOSES[purpose]
