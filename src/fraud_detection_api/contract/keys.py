"""Keys of a document that a person wrote: which ones are unknown, and which are missing."""

import difflib
from collections.abc import Iterable, Sequence


def key_problems(present: Iterable[str], known: Sequence[str], *, all_required: bool) -> list[str]:
    """A mend for each key that is not known, and for each known one that is missing where all are required.

    >>> key_problems(["review_costs"], ["review_cost"], all_required=False)
    ["review_costs: unknown key; did you mean 'review_cost'?"]
    """
    present = list(present)
    problems = [f"{key}: unknown key; {_suggestion(key, known)}" for key in present if key not in known]
    missing = [key for key in known if key not in present] if all_required else []
    return [*problems, *(f"{key}: is required" for key in missing)]


def _suggestion(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"the keys here are {', '.join(known)}"
