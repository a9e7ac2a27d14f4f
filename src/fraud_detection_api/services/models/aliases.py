"""The aliases of a registry, and the record of each change: what moved, who moved it, when, why, and the gate's verdict."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args

from pydantic import TypeAdapter

from fraud_detection_api.contract.times import parse_moment
from fraud_detection_api.model.documents import json_object
from fraud_detection_api.telemetry import utc_text

Alias = Literal["champion", "challenger"]
Action = Literal["promote", "rollback", "challenge", "stop", "assign"]
GateState = Literal["passed", "failed", "exempt", "off"]

CHAMPION: Final = "champion"
"""The alias of the model that answers requests."""

CHALLENGER: Final = "challenger"
"""The alias of the model on trial, which scores in the champion's shadow."""

ALIASES: tuple[Alias, ...] = get_args(Alias)

UNREADABLE = "?"
"""Stands for the version of an alias that cannot be read."""

ANYWHERE = "*"
"""Stands for any version that an alias points at, and for none."""

LONGEST_TEXT = 500
"""Characters of a reason: registries limit the size of an entry."""

_LONGEST_GATE_REASON, _MOST_GATE_REASONS = 200, 16


class Cause(NamedTuple):
    """Why an alias is moved.

    `by` is who requested it, `digest` that of the version's bundle. `gate` is the gate's verdict: passed, failed (the change
    was forced, and `reason` says why), exempt (there was nothing to compare with), or off. `gate_reasons` are its reasons in
    words; where the gate judged, they end with the evidence and the limits.
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
    """A recorded change of an alias. A version is None where the alias points at none; `at` is milliseconds since 1970.

    The change is recorded before the alias moves. `took_effect` is False where the alias was later found unmoved: the
    process was killed between the two, or somebody moved the alias back by other means.
    """

    at: int
    alias: Alias
    before: str | None
    after: str | None
    cause: Cause
    took_effect: bool = True


def one_line(text: str, *, longest: int = LONGEST_TEXT) -> str:
    r"""A person's text on one line, without control characters, cut to `longest` characters.

    >>> one_line("  the old one\n declines too much \x1b[31m")
    'the old one declines too much [31m'
    """
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:longest]


def change_text(change: AliasChange) -> str:
    """The change as a JSON object on one line, of about 5,000 characters at most."""
    cause = change.cause
    stored = {
        "at": utc_text(change.at),
        "alias": change.alias,
        "from": change.before,
        "to": change.after,
        **cause._asdict(),
        "by": one_line(cause.by, longest=200),
        "reason": one_line(cause.reason),
        "gate_reasons": [one_line(r, longest=_LONGEST_GATE_REASON) for r in cause.gate_reasons[:_MOST_GATE_REASONS]],
    }
    return json.dumps(stored, ensure_ascii=False)


def parsed_change(text: str) -> AliasChange | None:
    """Read what `change_text` wrote; None for any other text."""
    try:
        stored = json_object(text)
        cause = {name: stored[name] for name in Cause._fields} | {"gate_reasons": tuple(stored["gate_reasons"])}
        fields = {"at": parse_moment(stored["at"]), "alias": stored["alias"], "cause": cause}
        fields |= {"before": stored["from"], "after": stored["to"]}
        return _CHANGE.validate_python(fields, strict=True)
    except (AttributeError, ValueError, KeyError, TypeError, OverflowError):  # pydantic's are ValueErrors
        return None


_CHANGE = TypeAdapter(AliasChange)


def with_effects(changes: Sequence[AliasChange], standing: Mapping[Alias, str | None]) -> list[AliasChange]:
    """The changes, oldest first, each with whether it took effect; `standing` says where the aliases point now.

    A change took effect where the next change of its alias, or `standing`, found the alias moved. An alias that cannot be
    read stands at UNREADABLE.
    """
    found = dict(standing)
    judged = []
    for change in reversed(changes):
        next_seen = found.get(change.alias)
        judged.append(change._replace(took_effect=next_seen != change.before or change.before == change.after))
        found[change.alias] = change.before
    return judged[::-1]
