"""Reads good bodies in a fifth of pydantic's time. It accepts a body or passes it on, and words no error.

Pydantic accepts whatever is accepted here, and makes the same records of it. What is passed on may be as good: pydantic has
the last word.
"""

from collections.abc import Iterator
from typing import Annotated, Any, NotRequired

import msgspec
from typing_extensions import TypedDict

from fraud_detection_api.contract.columns import constraint_check
from fraud_detection_api.contract.declaration import MAX_TEXT, Contract, Feature
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.schemas.records.record_type import DRY_RUN, EXPLAIN, RECORDS

_INT64 = 2**63


class FastReader:
    """Reads bodies with records of one contract: arrays, or requests for decisions."""

    def __init__(self, contract: Contract) -> None:
        self._levels = [name for name, dtype in contract.dtypes.items() if dtype == "category"]
        self._times = contract.times
        identifier = contract.identifier
        has_text_id = identifier is not None and identifier.dtype == "str"
        checks = (
            self._has_plain_levels if self._levels else None,
            self._has_times if self._times else None,
            constraint_check(contract),
        )
        self._checks = [check for check in checks if check is not None]
        self._texts = [*self._levels, *self._times, *([identifier.name] if identifier and has_text_id else [])]
        records: Any = list[_record_type(contract)]  # type: ignore[misc]
        fields = {RECORDS: records, EXPLAIN: NotRequired[bool], DRY_RUN: NotRequired[bool]}
        request: Any = TypedDict("DecisionRequest", fields)  # type: ignore[misc]
        self._array, self._request = msgspec.json.Decoder(records), msgspec.json.Decoder(request)

    def read_array(self, body: bytes, *, limit: int) -> list[dict[str, Any]] | None:
        """The records of an array of at most `limit`; None passes the body on."""
        array: list[dict[str, Any]] | None = self._decoded(self._array, body, limit)
        return array if array is not None and self._is_good(array, body, of_request=0) else None

    def read_request(self, body: bytes, *, limit: int) -> dict[str, Any] | None:
        """A request for decisions on at most `limit` records, by the names of its fields; None passes the body on."""
        request: dict[str, Any] | None = self._decoded(self._request, body, limit + 1)
        is_good = request is not None and self._is_good(request[RECORDS], body, of_request=len(request))
        return request if is_good else None

    def _decoded(self, decoder: "msgspec.json.Decoder[Any]", body: bytes, most_objects: int) -> Any:
        # escapes may hide what is counted and compared below: colons, blanks, NUL
        if body.count(b"{") > most_objects or b"\\" in body:
            return None
        try:
            return decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _is_good(self, records: list[dict[str, Any]], body: bytes, *, of_request: int) -> bool:
        """Whether all is good that the decoder does not check: keys, blanks, times, constraints.

        Texts of times are replaced by the times. The request has `of_request` keys of its own.
        """
        colons = body.count(b":") - of_request - sum(map(len, records))
        # each key has a colon, and so have texts: the rest is of keys that are unknown or occur twice
        if colons and colons != sum(text.count(":") for text in self._texts_in(records)):
            return False
        for check in self._checks:
            for record in records:  # a generator or a list for `all` would take longer than the check
                if not check(record):
                    return False
        return True

    def _texts_in(self, records: list[dict[str, Any]]) -> Iterator[str]:
        return (text for name in self._texts for record in records if (text := record.get(name)) is not None)

    def _has_plain_levels(self, record: dict[str, Any]) -> bool:
        """Whether no level has a blank around it."""
        levels = [level for name in self._levels if (level := record.get(name)) is not None]
        return levels == [level.strip() for level in levels]

    def _has_times(self, record: dict[str, Any]) -> bool:
        """Whether each text of a time is one; it is replaced by the time."""
        for name in self._times:
            if (text := record.get(name)) is not None:
                record[name] = parse_time(text)
                if record[name] is None:
                    return False
        return True


def _record_type(contract: Contract) -> Any:
    """A record as its decoder knows it. Fields are those of `record_type`, in its order."""
    fields: dict[str, Any] = {}
    if (identifier := contract.identifier) is not None:
        whole = Annotated[int, msgspec.Meta(ge=-_INT64, le=_INT64 - 1)]
        fields[identifier.name] = whole if identifier.dtype == "int" else _TEXT
    if contract.time is not None:
        fields[contract.time.name] = NotRequired[str | None]
    for name, feature in contract.features.items():
        kind = _feature_type(feature)
        fields[name] = NotRequired[kind | None] if feature.nullable else kind
    return TypedDict("Record", fields)  # type: ignore[operator]


_TEXT = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]


def _feature_type(feature: Feature) -> Any:
    match feature.dtype:
        case "int":
            return Annotated[int, msgspec.Meta(ge=int(feature.lower), le=int(feature.upper))]
        case "float":
            return Annotated[float, msgspec.Meta(ge=feature.lower, le=feature.upper)]
        case "bool":
            return bool
        case "category":
            return _TEXT
        case "datetime":
            return str
