"""Ratios of columns that share a unit: derived features that tuning may add to a contract."""

import re
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from fraud_detection_api.contract.declaration import COLUMN_NAME_LENGTH, Contract, Derived, Reason

MOST_CANDIDATES = 100


def candidate_ratios(contract: Contract) -> dict[str, Derived]:
    """The ratio of each two numeric features of the same unit, by name; at most the first MOST_CANDIDATES.

    Trees need many splits to express a ratio, such as the used share of a limit. Ratios that the contract has already are
    left out. So are features without a unit, because nothing tells what they can be divided by.
    """
    formulas = {derived.formula for derived in contract.derived.values()}
    numeric = [(name, f) for name, f in contract.features.items() if f.dtype in ("int", "float") and f.unit]
    pairs = [(one, other) for (one, f), (other, g) in combinations(numeric, 2) if f.unit == g.unit]
    found = {_name(one, other): _ratio(one, other) for one, other in pairs}
    taken = {*contract.features, *contract.derived}
    new = {name: ratio for name, ratio in found.items() if name not in taken and ratio.formula not in formulas}
    return dict(list(new.items())[:MOST_CANDIDATES])


def with_ratios(contract: Contract, ratios: Mapping[str, Derived], chosen: Iterable[str]) -> Contract:
    """The contract with the chosen ratios after its own derived features."""
    document = contract.as_json()
    added = {name: ratios[name].model_dump(mode="json", exclude_defaults=True) for name in chosen}
    declared: Any = document.get("derived", {})
    # a copy would keep the original's cached fingerprint
    return Contract.model_validate({**document, "derived": {**declared, **added}})


def _name(one: str, other: str) -> str:
    return f"{one} / {other}"[:COLUMN_NAME_LENGTH]


def _ratio(one: str, other: str) -> Derived:
    code = re.sub(r"[^A-Z0-9]+", "_", f"{one}_TO_{other}".upper()).strip("_")
    return Derived(
        formula=f"`{one}` / `{other}`",
        description=f"{one} as a multiple of {other}.",
        unit="times",
        reason=Reason(code=f"RATIO_{code}"[:64], text=f"{one} is {{value}} times {other}"[:200]),
    )


def contract_for_tuning(contract: Contract) -> Contract:
    """The contract with every candidate ratio, with which the data for tuning is loaded."""
    ratios = candidate_ratios(contract)
    return with_ratios(contract, ratios, ratios)
