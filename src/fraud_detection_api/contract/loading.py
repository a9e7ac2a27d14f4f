"""Contracts from TOML files. An error gives the line, the key and what to change."""

import difflib
import logging
import multiprocessing
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from fraud_detection_api.contract.consistency import contract_problems
from fraud_detection_api.contract.declaration import (
    CONSTRAINTS,
    RULES,
    Constraint,
    Contract,
    Derived,
    Feature,
    Identifier,
    Target,
)
from fraud_detection_api.contract.windows import HistoryFeature, Key, Time
from fraud_detection_api.contract.wording import NO_REASON, REASON, Reason, ReasonGroup
from fraud_detection_api.errors import InvalidContract, InvalidPolicy
from fraud_detection_api.field_texts import field_text
from fraud_detection_api.telemetry import log_event

CREDIT = "credit"

_SECTION_KEYS: dict[str, type[BaseModel]] = {
    "": Contract,
    "id": Identifier,
    "target": Target,
    "time": Time,
    "keys": Key,
    "features": Feature,
    "history": HistoryFeature,
    "derived": Derived,
    CONSTRAINTS: Constraint,
    RULES: Constraint,
    REASON: Reason,
    "reason_groups": ReasonGroup,
}
_UNIONS = {"minimum", "maximum", "example", "positive", "label_delay_days"}


def load_contract(source: str | Path) -> Contract:
    """The packaged contract of that name (`credit`), or the one in the TOML file at that path.

    Raises InvalidContract, with every problem at once: no such file, not UTF-8 TOML, or wrong keys.
    """
    text = _packaged_text(str(source)) or file_text(
        Path(source), InvalidContract, expected="a TOML file or the packaged contract 'credit'"
    )
    return contract_from_toml(text, source=str(source))


def contract_from_toml(text: str, *, source: str) -> Contract:
    """Contract from a TOML document; `source` names it in errors. Raises InvalidContract.

    A document that calls its constraints [rules], as earlier versions did, is read, and a warning is logged.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib's error is a ValueError, and so is int's above 4,300 digits
        raise InvalidContract(source, [f"not valid TOML: {error}"]) from None
    contract = parse_contract(document, source=source, text=text)
    if RULES in document and multiprocessing.parent_process() is None:  # a server's workers would repeat it
        _warn_of_rules(source)
    return contract


@lru_cache
def _warn_of_rules(source: str) -> None:
    """Log once in a process that a contract uses the earlier name of its constraints."""
    detail = f"contract {source}: the section name [{RULES}] is deprecated; rename it to [{CONSTRAINTS}]"
    log_event("contract_deprecated", level=logging.WARNING, detail=detail)


def parse_contract(document: Mapping[str, Any], *, source: str, text: str = "") -> Contract:
    """Contract from parsed TOML or JSON values. Raises InvalidContract."""
    if isinstance(document, Mapping) and RULES in document and CONSTRAINTS in document:
        both = f"is the earlier name of [{CONSTRAINTS}], and both are given; keep [{CONSTRAINTS}] alone"
        raise InvalidContract(source, [_located(text, (RULES,), both)])
    try:
        contract = Contract.model_validate(document)
    except ValidationError as error:
        problems = {_path(item["loc"]): _fix(item) for item in error.errors(include_url=False)}
        raise InvalidContract(source, [_located(text, path, fix) for path, fix in problems.items()]) from None
    if contradictions := list(contract_problems(contract)):
        section = RULES if RULES in document else CONSTRAINTS
        paths = [((section, *path[1:]) if path[0] == CONSTRAINTS else path, fix) for path, fix in contradictions]
        raise InvalidContract(source, [_located(text, path, fix) for path, fix in paths])
    return contract


def _packaged_text(name: str) -> str | None:
    if not re.fullmatch(r"[a-z_]+", name):
        return None
    packaged = resources.files("fraud_detection_api.contract") / f"{name}.toml"
    return packaged.read_text(encoding="utf-8") if packaged.is_file() else None


def file_text(path: Path, invalid: type[InvalidContract | InvalidPolicy], *, expected: str) -> str:
    """The text of a TOML file. Raises `invalid` where it cannot be read; `expected` says what file to name."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problem = f"no such file; name {expected}"
    except UnicodeDecodeError:
        problem = "not UTF-8 text; save it as UTF-8"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    raise invalid(str(path), [problem])


def _path(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The key path of a pydantic location, without the union branches and list indexes that pydantic adds."""
    keys = tuple(part for part in location if isinstance(part, str) and part != "[key]")
    if keys[:1] in (("features",), ("history",), ("derived",)) and keys[2:4] in ((REASON, REASON), (REASON, NO_REASON)):
        keys = keys[:3] + keys[4:]
    is_branch = len(keys) > 2 and keys[-2] in _UNIONS and keys[-1] in {"bool", "int", "float", "str"}
    return keys[:-1] if is_branch else keys


def _fix(item: Any) -> str:
    path = _path(item["loc"])
    if item["type"] == "extra_forbidden":
        return unknown_key(path[-1], _known_keys(path))
    if item["type"] == "string_pattern_mismatch" and path[-1] in ("code", "favourable_code"):
        return "must be capital letters, digits and underscores, such as UTILISATION_HIGH"
    if item["type"] == "string_pattern_mismatch" and path[-1] in ("window", "delay", "arrival_delay", "late"):
        return _duration_fix(str(item["input"]), ' or "unlimited"' if path[-1] == "window" else "")
    if path[:1] == ("history",) and path[-1] == "by" and item["type"] != "missing":
        return 'must be the name of a column, or an array of such names: "card", or ["card", "merchant"]'
    if item["type"] == "literal_error" and path[-1] == REASON:
        return "must be a reason, or false for none"
    return field_text(item)


def _duration_fix(sent: str, other: str) -> str:
    if re.fullmatch("[0-9]{7,}[smhdw]", sent):
        return f'is too large; give at most six digits, such as "30d"{other}'
    if re.fullmatch("[0-9]+[SMHDW]", sent):
        return f'must have its unit in lower case: "{sent.lower()}"'
    return f'must be a whole number of s, m, h, d or w, such as "30d"{other}'


def _known_keys(path: tuple[str, ...]) -> list[str]:
    """The keys that may stand beside the last one of a path."""
    in_reason = len(path) == 4  # features.NAME.reason.KEY; a feature itself may have any name, `reason` too
    section = "reason" if in_reason else path[0] if len(path) > 1 else ""
    return [field.alias or name for name, field in _SECTION_KEYS[section].model_fields.items()]


def unknown_key(key: str, known: Sequence[str]) -> str:
    """What is wrong with a key that a person wrote, and is none of the known ones.

    >>> unknown_key("review_costs", ["review_cost"])
    "unknown key; did you mean 'review_cost'?"
    """
    close = difflib.get_close_matches(key, known, n=1)
    return f"unknown key; did you mean {close[0]!r}?" if close else f"unknown key; the keys here are {', '.join(known)}"


def _located(text: str, path: tuple[str, ...], fix: str) -> str:
    line = _line_of(text, path)
    return f"{f'line {line}: ' if line else ''}{'.'.join(path)}: {fix}"


def _line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The line of the key, or of the nearest table above it that the text names; None without a text."""
    found, lines = None, text.splitlines()
    for depth in range(1, len(path) + 1):
        start, in_table = found or 0, found is not None or depth == 1
        header = re.compile(r"\s*\[+\s*" + r"\s*\.\s*".join(_key_pattern(key) for key in path[:depth]) + r"\s*\]")
        key = re.compile(r"\s*" + _key_pattern(path[depth - 1]) + r"\s*[=.]")
        for number, line in enumerate(lines[start:], start + 1):
            if in_table and key.match(line):
                return number
            if header.match(line):
                found = number
                break
            in_table = in_table and not line.lstrip().startswith("[")
    return found


def _key_pattern(key: str) -> str:
    return rf"[\"']?{re.escape(key)}[\"']?"
