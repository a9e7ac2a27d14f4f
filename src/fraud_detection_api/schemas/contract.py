"""The contract on the wire: the JSON Schema of a record, with what a schema cannot express under `x-` keys."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from pydantic_core import to_json

from fraud_detection_api.contract.declaration import Contract, Feature
from fraud_detection_api.errors import InvalidRecords
from fraud_detection_api.schemas.records.parser import record_parser

_ROUND = (1, 10, 1000)
_MOST_TRIED = 1000
A_TIME = "2026-11-22T10:00:00Z"
"""The time of an example, where nothing else is known."""

_A_KEY: dict[str, int | str] = {"int": 1, "str": "A"}

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def record_schema(contract: Contract) -> dict[str, Any]:
    """The JSON Schema of one record."""
    return record_parser(contract).record.json_schema()


def contract_schema(contract: Contract) -> dict[str, Any]:
    """The JSON Schema of one record, and what it cannot express: fingerprint, units, history, formulas and more."""
    schema = record_schema(contract)
    for name, feature in contract.features.items():
        schema["properties"][name] |= {"x-dtype": feature.dtype} | ({"x-unit": feature.unit} if feature.unit else {})
    for name, key in contract.keys.items():
        schema["properties"][name] |= {"x-dtype": key.dtype, "x-key": True}
    history = {
        name: item.model_dump(mode="json", exclude_defaults=True, exclude={"monotone", "reason", "reason_group"})
        for name, item in contract.history.items()
    }
    derived = {
        name: item.model_dump(include={"formula", "description", "unit"}) for name, item in contract.derived.items()
    }
    constraints = {name: constraint.model_dump() for name, constraint in contract.constraints.items()}
    amount = {} if contract.amount_at_risk is None else {"x-amount-at-risk": contract.amount_at_risk}
    return {
        "$schema": DIALECT,
        "$id": f"urn:fraud-detection-api:contract:{contract.fingerprint}",
        **schema,
        "x-contract": contract.name,
        "x-fingerprint": contract.fingerprint,
        "x-record-fingerprint": contract.record_fingerprint,  # stored decisions name this one
        "x-target": contract.target.name,
        **amount,
        **({"x-history": history} if history else {}),
        "x-derived": derived,
        "x-rules": constraints,  # the name on the wire stays
    }


def example_record(contract: Contract, *, at: str = A_TIME) -> dict[str, Any]:
    """A record to try: the examples that the contract declares, or small values, within its constraints if any are.

    Where the contract has history, the record is of the time `at`: later than what a store has, it would make that late.
    """
    record: dict[str, Any] = {}
    if contract.identifier is not None:
        record[contract.identifier.name] = 345435 if contract.identifier.dtype == "int" else "C-345435"
    if contract.time is not None and contract.history:
        record[contract.time.name] = at
    record |= {name: _A_KEY[key.dtype] if key.example is None else key.example for name, key in contract.keys.items()}
    record |= {name: _candidates(feature)[0] for name, feature in contract.features.items() if name not in record}
    parser = record_parser(contract)
    for changes in islice(_alternatives(contract), _MOST_TRIED):
        try:
            parser.parse(to_json([record | changes]), limit=1)
        except InvalidRecords:
            continue
        return record | changes
    return record


def last_training_time(card: Mapping[str, Any]) -> str | None:
    """The time of the newest record that a model with this card learned from; None where its records have no times."""
    period: Sequence[str] | None = card.get("data", {}).get("period")
    return None if period is None else period[1]


def _alternatives(contract: Contract) -> Iterator[dict[str, Any]]:
    """Values for the features that constraints read, in every combination; each feature's first value comes first."""
    read = list(dict.fromkeys(name for each in contract.constraints.values() for name in each.parsed.names))
    for values in product(*(_candidates(contract.features[name]) for name in read)):
        yield dict(zip(read, values, strict=True))


def _candidates(feature: Feature) -> list[Any]:
    if feature.example is not None:
        return [feature.example]
    match feature.dtype:
        case "bool":
            return [False, True]
        case "category":
            return [*feature.levels[:1]] or ["A"]
        case "datetime":
            return [A_TIME]
    return [
        number for number in (max(0, feature.lower), *_ROUND, feature.upper) if feature.lower <= number <= feature.upper
    ]
