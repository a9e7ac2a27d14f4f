"""What is kept of every change of an alias: what moved, who moved it, when and why, and what the gate said of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from fraud_detection_api.contract.times import parse_moment
from fraud_detection_api.telemetry import utc_text

Alias = Literal["champion", "challenger"]
Action = Literal["promote", "rollback", "challenge", "stop", "assign"]
GateState = Literal["passed", "failed", "exempt", "off"]

UNREADABLE = "?"
"""Stands for the version that a damaged alias pointed at."""

ANYWHERE = "*"
"""Stands for whatever version an alias points at, and for none."""

LONGEST_TEXT = 500
"""Characters of a reason; registries keep an entry in one place of limited size."""

_LONGEST_GATE_REASON, _MOST_GATE_REASONS = 200, 16


class Cause(NamedTuple):
    """Why an alias is moved.

    `by` is who asked for it, `digest` that of the version's bundle. `gate` is what the gate said, with its reasons in words:
    passed, failed (so it was forced, and `reason` says why), exempt (there was nothing to compare with), or off. Where it
    judged, they end with what was found and by which limits.
    """

    action: Action = "assign"
    by: str = ""
    reason: str = ""
    forced: bool = False
    gate: GateState = "exempt"
    gate_reasons: tuple[str, ...] = ()
    digest: str = ""


UNEXPLAINED = Cause()


class AliasChange(NamedTuple):
    """A change of an alias as it is kept. Versions are None where it pointed at none; `at` is milliseconds since 1970.

    It is written down before the alias moves. `took_effect` is False where the alias was found where it had been before: a
    kill came between the two, or somebody moved it back by other means.
    """

    at: int
    alias: Alias
    before: str | None
    after: str | None
    cause: Cause
    took_effect: bool = True


def one_line(text: str, *, longest: int = LONGEST_TEXT) -> str:
    r"""A text of a person's on one line, without characters that a terminal would obey, cut to `longest` characters.

    >>> one_line("  the old one\n declines too much \x1b[31m")
    'the old one declines too much [31m'
    """
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:longest]


def change_text(change: AliasChange) -> str:
    """A JSON object on one line, of at most some 5,000 characters."""
    cause = change.cause
    kept = {
        "at": utc_text(change.at),
        "alias": change.alias,
        "action": cause.action,
        "from": change.before,
        "to": change.after,
        "by": one_line(cause.by, longest=200),
        "reason": one_line(cause.reason),
        "forced": cause.forced,
        "gate": cause.gate,
        "gate_reasons": [one_line(r, longest=_LONGEST_GATE_REASON) for r in cause.gate_reasons[:_MOST_GATE_REASONS]],
        "digest": cause.digest,
    }
    return json.dumps(kept, ensure_ascii=False)


def parsed_change(text: str) -> AliasChange | None:
    """What `change_text` wrote; None for what is no such text."""
    try:
        kept: dict[str, Any] = json.loads(text)
        cause = Cause(
            kept["action"],
            kept["by"],
            kept["reason"],
            kept["forced"],
            kept["gate"],
            tuple(kept["gate_reasons"]),
            kept["digest"],
        )
        at = parse_moment(kept["at"])
        alias, before, after = kept["alias"], kept["from"], kept["to"]
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError):
        return None
    change = AliasChange(at or 0, alias, before, after, cause)
    return change if at is not None and _is_sound(change) else None


def _is_sound(change: AliasChange) -> bool:
    cause = change.cause
    return (
        change.alias in get_args(Alias)
        and cause.action in get_args(Action)
        and cause.gate in get_args(GateState)
        and isinstance(cause.forced, bool)
        and all(isinstance(text, str) for text in (cause.by, cause.reason, cause.digest, *cause.gate_reasons))
        and all(version is None or isinstance(version, str) for version in (change.before, change.after))
    )


def with_effects(changes: Sequence[AliasChange], standing: Mapping[Alias, str | None]) -> list[AliasChange]:
    """The changes, oldest first, each with whether it took effect; `standing` is where the aliases point now.

    A change is followed by where its alias was found by the next one. An alias that cannot be read stands at UNREADABLE.
    """
    found = dict(standing)
    judged = []
    for change in reversed(changes):
        next_seen = found.get(change.alias)
        judged.append(change._replace(took_effect=next_seen != change.before or change.before == change.after))
        found[change.alias] = change.before
    return judged[::-1]
