"""The contract on the wire: JSON Schema of a record, with what a schema cannot say under `x-` keys."""

from typing import Any

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.schemas.records import record_parser

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def record_schema(contract: Contract) -> dict[str, Any]:
    """JSON Schema of one record."""
    return record_parser(contract).record.json_schema()


def contract_schema(contract: Contract) -> dict[str, Any]:
    """JSON Schema of one record, with the contract's fingerprint, target, units, derived features and rules."""
    schema = record_schema(contract)
    for name, feature in contract.features.items():
        schema["properties"][name] |= {"x-dtype": feature.dtype} | ({"x-unit": feature.unit} if feature.unit else {})
    derived = {
        name: item.model_dump(include={"formula", "description", "unit"}) for name, item in contract.derived.items()
    }
    rules = {name: rule.model_dump() for name, rule in contract.rules.items()}
    return {
        "$schema": DIALECT,
        "$id": f"urn:fraud-detection-api:contract:{contract.fingerprint}",
        **schema,
        "x-contract": contract.name,
        "x-fingerprint": contract.fingerprint,
        "x-target": contract.target.name,
        "x-derived": derived,
        "x-rules": rules,
    }


def example_record(contract: Contract) -> dict[str, Any]:
    """A record to try: the examples that the contract declares, or the smallest value that passes."""
    record: dict[str, Any] = {}
    if contract.identifier is not None:
        record[contract.identifier.name] = 345435 if contract.identifier.dtype == "int" else "C-345435"
    for name, feature in contract.features.items():
        defaults = {"bool": False, "category": "A", "datetime": "2026-11-22T10:00:00Z"}
        number = max(0, feature.lower) if feature.upper >= 0 else feature.upper
        record[name] = feature.example if feature.example is not None else defaults.get(feature.dtype, number)
    return record
