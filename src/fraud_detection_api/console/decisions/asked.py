"""What somebody searches for, as the page's address has it."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar, cast, get_args
from urllib.parse import urlencode

from pydantic_core import to_json

from fraud_detection_api.console.words import say
from fraud_detection_api.contract.declaration import MAX_TEXT, Contract, Identifier
from fraud_detection_api.contract.times import parse_since
from fraud_detection_api.decision.label import LabelState
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome
from fraud_detection_api.services.history.lookup import HistoryFilter
from fraud_detection_api.services.storage.decision_store import Traits
from fraud_detection_api.telemetry import utc_text

LABEL_STATES: tuple[LabelState, ...] = get_args(LabelState)
FIELDS = ("entity", "key", "value", "outcome", "label", "min_score", "max_score", "since", "until", "reason", "model")
"""The names of the form's fields, which are those of the address."""

_PERSONAL = ("entity", "value")
"""Fields that may name a person."""

_SCORE = re.compile("[0-9]{1,4}")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_MOST_SCORE = 1000

Value = TypeVar("Value")


class Asked(NamedTuple):
    """What was asked: the texts of the fields, the filter that follows, and what is wrong with which field."""

    texts: Mapping[str, str]
    where: HistoryFilter
    problems: Mapping[str, str]

    @property
    def address(self) -> str:
        """The query of the address that asks the same at any time: times that count from now are written out."""
        times = {"since": self.where.since, "until": self.where.until}
        written = {name: utc_text(at) for name, at in times.items() if at is not None}
        return urlencode({name: text for name, text in (dict(self.texts) | written).items() if text})

    @property
    def about(self) -> str:
        """The same for the audit trail, which erasures do not reach: without the entity and the key's value."""
        told = {name: text for name, text in self.texts.items() if text and name not in _PERSONAL}
        return urlencode(told | {name: "given" for name in _PERSONAL if self.texts[name]})


class NotValid(ValueError):
    """A field's text cannot be used."""


class Fields:
    """Reads what somebody typed. A field that cannot be used has an entry in `problems`, and counts as empty."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self.problems: dict[str, str] = {}

    def read(self, name: str, parse: Callable[[str], Value]) -> Value | None:
        """The field's value; None where it is empty or cannot be used."""
        text = self._texts.get(name, "").strip()
        try:
            return parse(text) if text else None
        except NotValid as error:
            self.problems[name] = str(error)
            return None

    def scores(self, lowest: str, highest: str) -> tuple[int | None, int | None]:
        """The risk scores of two fields, of which the second must not be below the first."""
        low, high = self.read(lowest, parse_score), self.read(highest, parse_score)
        if low is not None and high is not None and low > high:
            self.problems[highest] = say("search.not_below", lowest=low)
        return low, high


def asked_of(parameters: Mapping[str, str], now: datetime | None = None, contract: Contract | None = None) -> Asked:
    """What the parameters of an address ask. A field that cannot be used has a problem, and counts as empty.

    The key is one of the contract's, whose dtype its value gets.
    """
    texts = {name: parameters.get(name, "").strip() for name in FIELDS}
    fields = Fields(texts)
    read, problems = fields.read, fields.problems
    moment = now or datetime.now(UTC)
    lowest, highest = fields.scores("min_score", "max_score")
    key, value = (
        read("key", lambda text: _one_of(text, tuple(contract.keys if contract else ()))),
        read("value", parse_text),
    )
    if not problems and (key is None) != (value is None):
        problems["key" if key is None else "value"] = say("search.not_both")
    members = () if contract is None or key is None or value is None else (_member(contract, key, value),)
    traits = Traits(
        read("label", _label), read("model", parse_text), lowest, highest, read("reason", parse_code), None, members
    )
    since, until = (read(name, lambda text: _moment(text, moment)) for name in ("since", "until"))
    where = HistoryFilter(read("entity", parse_text), read("outcome", _outcome), since, until, traits)
    return Asked(texts, where, problems)


def _member(contract: Contract, key: str, value: str) -> str:
    """A member of a record's JSON, as records are stored."""
    declared = Identifier(name=key, dtype=contract.entity_dtype(key)).as_declared(value)
    return f"{to_json(key).decode()}:{to_json(declared).decode()}"


def parse_text(text: str) -> str:
    """A text that may be an id. Raises NotValid."""
    if len(text) > MAX_TEXT or "\0" in text:
        raise NotValid(say("search.not_text", most=MAX_TEXT))
    return text


def parse_score(text: str) -> int:
    """A risk score. Raises NotValid."""
    if not _SCORE.fullmatch(text) or int(text) > _MOST_SCORE:
        raise NotValid(say("search.not_score"))
    return int(text)


def parse_code(text: str) -> str:
    """A reason's code, in whatever case it is written. Raises NotValid."""
    if not _CODE.fullmatch(text.upper()):
        raise NotValid(say("search.not_code"))
    return text.upper()


def _moment(text: str, now: datetime) -> int:
    if (at := parse_since(text, now)) is None:
        raise NotValid(say("search.not_time"))
    return at


def _outcome(text: str) -> Outcome:
    return cast("Outcome", _one_of(text, OUTCOMES))


def _label(text: str) -> LabelState:
    return cast("LabelState", _one_of(text, LABEL_STATES))


def _one_of(text: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise NotValid(say("search.not_listed"))
    return text
