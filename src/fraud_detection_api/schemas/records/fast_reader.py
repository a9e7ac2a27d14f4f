"""Reads good bodies in a fifth of pydantic's time. It accepts a body or passes it on, and words no error.

Pydantic accepts whatever is accepted here, and makes the same records of it. What is passed on may be as good: pydantic has
the last word.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, NotRequired

import msgspec
from typing_extensions import TypedDict

from fraud_detection_api.contract.columns import constraint_check
from fraud_detection_api.contract.declaration import INT_MAX, MAX_TEXT, Contract, Feature
from fraud_detection_api.contract.levels import composed, folded
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.schemas.records.record_type import DRY_RUN, EXPLAIN, RECORDS, missing_keys

_INT64 = 2**63


_Decoders = tuple["msgspec.json.Decoder[Any]", ...]
"""The first reads what most clients send. Where a contract has integers, the second reads floats for them too."""


class FastReader:
    """Reads bodies with records of one contract: arrays, or requests for decisions."""

    def __init__(self, contract: Contract) -> None:
        self._levels = [name for name, dtype in contract.dtypes.items() if dtype == "category"]
        self._times = contract.times
        identifier, keys = contract.identifier, contract.keys
        names = {} if identifier is None else {identifier.name: identifier.dtype}  # of entities
        names |= {name: key.dtype for name, key in keys.items()}
        self._integers = [name for name, dtype in {**contract.dtypes, **names}.items() if dtype == "int"]
        self._markers: dict[str, frozenset[int | str]] = {
            **{name: contract.written(name).missing_levels for name in self._levels},
            **{name: missing_keys(key, contract.written(name)) for name, key in keys.items()},
        }
        features = contract.features
        self._folded = [name for name in self._levels if features[name].fold_case]
        allowed = {name: features[name].refused_outside for name in self._levels}
        self._allowed = {name: {*levels, None} for name, levels in allowed.items() if levels}
        self._padded = [*self._levels, *(name for name, dtype in names.items() if dtype == "str")]
        checks = (
            self._has_plain_texts if self._padded else None,
            self._has_folded_levels if self._folded else None,
            self._has_no_markers if any(self._markers.values()) else None,
            self._has_allowed_levels if self._allowed else None,
            self._has_times if self._times else None,
            constraint_check(contract),
        )
        self._checks = [check for check in checks if check is not None]
        self._texts = [*self._padded, *self._times]
        kinds = [_record_type(contract, with_floats=with_floats) for with_floats in (False, True)]
        records = [list[kind] for kind in (kinds if self._integers else kinds[:1])]  # type: ignore[valid-type]
        self._arrays: _Decoders = tuple(map(msgspec.json.Decoder, records))
        self._requests: _Decoders = tuple(msgspec.json.Decoder(_request_type(kind)) for kind in records)

    def read_array(self, body: bytes, *, limit: int) -> list[dict[str, Any]] | None:
        """The records of an array of at most `limit`; None passes the body on."""
        array: list[dict[str, Any]] | None = self._read(self._arrays, body, limit, lambda array: (array, 0))
        return array

    def read_request(self, body: bytes, *, limit: int) -> dict[str, Any] | None:
        """A request for decisions on at most `limit` records, by the names of its fields; None passes the body on."""
        request: dict[str, Any] | None = self._read(
            self._requests, body, limit + 1, lambda request: (request[RECORDS], len(request))
        )
        return request

    def _read(
        self, decoders: _Decoders, body: bytes, most_objects: int, parts: Callable[[Any], tuple[list[Any], int]]
    ) -> Any:
        """What a decoder makes of the body, if all is good. `parts` are its records, and the number of its own keys."""
        # escapes may hide what is counted and compared below: colons, blanks, NUL
        if body.count(b"{") > most_objects or b"\\" in body:
            return None
        for place, decoder in enumerate(decoders):
            try:
                decoded = decoder.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            records, own_keys = parts(decoded)
            is_good = (not place or all(map(self._has_integers, records))) and self._is_good(records, body, own_keys)
            return decoded if is_good else None
        return None

    def _is_good(self, records: list[dict[str, Any]], body: bytes, own_keys: int) -> bool:
        """Whether all is good that the decoder does not check: keys, blanks, times, constraints.

        Texts of times are replaced by the times, and levels, ids and keys are composed. The request has `own_keys`
        beside its records.
        """
        colons = body.count(b":") - own_keys - sum(map(len, records))
        # each key has a colon, and so have texts: the rest is of keys that are unknown or occur twice
        if colons and colons != sum(text.count(":") for text in self._texts_in(records)):
            return False
        if self._padded and not body.isascii() and not all(map(self._has_composed_texts, records)):
            return False
        for check in self._checks:
            for record in records:  # a generator or a list for `all` would take longer than the check
                if not check(record):
                    return False
        return True

    def _texts_in(self, records: list[dict[str, Any]]) -> Iterator[str]:
        return (text for name in self._texts for record in records if (text := record.get(name)) is not None)

    def _has_integers(self, record: dict[str, Any]) -> bool:
        """Whether each number is one where the contract has integers; a float is replaced by the integer that it equals."""
        for name in self._integers:
            number = record.get(name)
            if isinstance(number, float):
                if not number.is_integer():
                    return False
                record[name] = int(number)
        return True

    def _has_composed_texts(self, record: dict[str, Any]) -> bool:
        """Whether no level, no id and no key is too long once it is composed, which it is from now on."""
        return all(_replace_text(record, name, composed) for name in self._padded)

    def _has_folded_levels(self, record: dict[str, Any]) -> bool:
        """The same, of levels whose case is folded."""
        return all(_replace_text(record, name, folded) for name in self._folded)

    def _has_allowed_levels(self, record: dict[str, Any]) -> bool:
        """Whether no level is one that the contract refuses."""
        return all(record.get(name) in levels for name, levels in self._allowed.items())

    def _has_plain_texts(self, record: dict[str, Any]) -> bool:
        """Whether no level, no id and no key has a blank around it."""
        texts = [text for name in self._padded if (text := record.get(name)) is not None]
        return texts == [text.strip() for text in texts]

    def _has_no_markers(self, record: dict[str, Any]) -> bool:
        """Whether no level and no key is one that files write for a missing value."""
        return all(record.get(name) not in markers for name, markers in self._markers.items())

    def _has_times(self, record: dict[str, Any]) -> bool:
        """Whether each text of a time is one; it is replaced by the time."""
        for name in self._times:
            if (text := record.get(name)) is not None:
                record[name] = parse_time(text)
                if record[name] is None:
                    return False
        return True


def _replace_text(record: dict[str, Any], name: str, replacing: Callable[[str], str]) -> bool:
    """Replace the text by what is made of it, and say whether that is short enough."""
    if (text := record.get(name)) is not None:
        record[name] = replacing(text)
        return len(record[name]) <= MAX_TEXT
    return True


def _request_type(records: Any) -> Any:
    """A request for decisions as its decoder knows it."""
    fields = {RECORDS: records, EXPLAIN: NotRequired[bool], DRY_RUN: NotRequired[bool]}
    return TypedDict("DecisionRequest", fields)  # type: ignore[operator]


def _record_type(contract: Contract, *, with_floats: bool) -> Any:
    """A record as its decoder knows it, which may take floats for integers. Fields are those of `record_type`, in order."""
    fields: dict[str, Any] = {}
    ids = {"int": _integer_type(-_INT64, _INT64 - 1, with_floats=with_floats), "str": _TEXT}
    if (identifier := contract.identifier) is not None:
        fields[identifier.name] = ids[identifier.dtype]
    if contract.time is not None:
        fields[contract.time.name] = str if contract.history else NotRequired[str | None]
    for name, key in contract.keys.items():
        fields[name] = NotRequired[ids[key.dtype] | None] if key.nullable else ids[key.dtype]
    for name, feature in contract.features.items():
        kind = _feature_type(feature, with_floats=with_floats)
        fields[name] = NotRequired[kind | None] if feature.nullable else kind
    return TypedDict("Record", fields)  # type: ignore[operator]


_TEXT = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]


def _integer_type(lower: int, upper: int, *, with_floats: bool) -> Any:
    """An integer within the bounds, or a float, of which no other integer is the same one."""
    integer = Annotated[int, msgspec.Meta(ge=lower, le=upper)]
    return (
        integer | Annotated[float, msgspec.Meta(ge=max(lower, -INT_MAX), le=min(upper, INT_MAX))]
        if with_floats
        else integer
    )


def _feature_type(feature: Feature, *, with_floats: bool) -> Any:
    match feature.dtype:
        case "int":
            return _integer_type(int(feature.lower), int(feature.upper), with_floats=with_floats)
        case "float":
            return Annotated[float, msgspec.Meta(ge=feature.lower, le=feature.upper)]
        case "bool":
            return bool
        case "category":
            return _TEXT
        case "datetime":
            return str
