"""Keys as people write them: `role:key` entries, or TOML with names, hashes and limits."""

import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fraud_detection_api.field_texts import field_text
from fraud_detection_api.services.admission.api_keys import digest_of
from fraud_detection_api.services.admission.callers import Caller, Limits, Role

SHORTEST_KEY = 16
NAME_PATTERN = "^[a-z0-9][a-z0-9_.-]{0,62}$"
"""A name is shorter than a digest, so that neither is ever taken for the other."""

_Weight = Annotated[float, Field(ge=0.001, le=1000)]
_Rate = Annotated[float, Field(ge=0.001, le=1e9)]
_Name = Annotated[str, Field(pattern=NAME_PATTERN)]


class _Entry(BaseModel):
    """A key: `key` itself, or `sha256`, its digest."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: _Name
    role: Role
    key: str | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


class _LimitsEntry(BaseModel):
    """The limits of a name."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    weight: _Weight = 1.0
    in_flight: Annotated[int, Field(gt=0)] | None = None
    requests_per_second: _Rate | None = None
    records_per_second: _Rate | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    keys: list[dict[str, Any]] = []
    limits: dict[str, dict[str, Any]] = {}


def parse_keys(text: str) -> list[Caller]:
    """The callers of a text: `role:key` entries separated by commas or line ends, or TOML, which begins with a `[`.

    Lines that begin with # are comments. Raises ValueError, which names the entry's number and never quotes a key.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    if any(line.lstrip().startswith("[") for line in lines):
        return _parse_toml(text)
    entries = [entry.strip() for entry in ",".join(lines).split(",") if entry.strip()]
    return [_parse_entry(number, entry) for number, entry in enumerate(entries, 1)]


def _parse_entry(number: int, entry: str) -> Caller:
    name, _, key = entry.partition(":")
    role = next((role for role in get_args(Role) if role == name), None)
    if role is None:
        roles = ", ".join(get_args(Role))
        raise ValueError(
            f"entry {number} must be role:key, the role one of {roles}; in TOML, each key begins with a line [[keys]]"
        )
    _require_long(key, number)
    digest = digest_of(key)
    return Caller(digest, role, digest)


def _require_long(key: str, number: int) -> None:
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"the key of entry {number} is shorter than {SHORTEST_KEY} characters; make a random one")


def _parse_toml(text: str) -> list[Caller]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (.*)\)", str(error))  # the rest of the message may quote a key
        raise ValueError(f"it is not valid TOML{f' at {place[1]}' if place else ''}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    file = _checked(_File, document, "the file")
    limits = {name: _limits_of(name, table) for name, table in file.limits.items()}
    callers = [_caller(number, table, limits) for number, table in enumerate(file.keys, 1)]
    if unused := limits.keys() - {caller.identity for caller in callers}:
        raise ValueError(f"limits.{min(unused)}: no key has this name")
    if len({caller.digest for caller in callers}) < len(callers):
        raise ValueError("two entries hold the same key; a key has one name and one role")
    return callers


def _limits_of(name: str, table: Mapping[str, Any]) -> Limits:
    return Limits(**_checked(_LimitsEntry, table, f"limits.{name}").model_dump())


def _caller(number: int, table: Mapping[str, Any], limits: Mapping[str, Limits]) -> Caller:
    entry = _checked(_Entry, table, f"entry {number}")
    if (entry.key is None) == (entry.sha256 is None):
        raise ValueError(f"entry {number} needs either `key` or `sha256`")
    if entry.key is not None:
        _require_long(entry.key, number)
    digest = entry.sha256 or digest_of(entry.key or "")
    return Caller(entry.name, entry.role, digest, limits.get(entry.name, Limits()))


def _checked(kind: type[Any], table: Mapping[str, Any], where: str) -> Any:
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "extra_forbidden":  # what stands where a field should may be a key
            raise ValueError(f"{where} has an unknown field; known are {', '.join(kind.model_fields)}") from None
        field = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: `{field}` {field_text(first)}") from None
