"""The groups of people that stored decisions are about: by the contract's protected features, and by a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import column_from_values
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.monitoring.fairness import protected_columns
from fraud_detection_api.services.history.replay import UNREADABLE_RECORD, stored_records

GroupColumns = Mapping[str, NDArray[Any]]
"""Columns of groups, each (n,): texts with None where no group is known, or float64 with NaN."""


@dataclass(frozen=True)
class EntityGroups:
    """Groups that are in no record: `rows` has the index in `columns` of each entity, as it is stored."""

    rows: Mapping[str, int] = field(default_factory=dict)
    columns: GroupColumns = field(default_factory=dict)

    def of(self, decisions: Sequence[StoredDecision]) -> dict[str, NDArray[Any]]:
        """Columns (n,) for n decisions; no group is known of an entity that is not named, or was erased."""
        at = np.array([self.rows.get(row.entity or "", -1) for row in decisions], dtype=np.int64)
        return {name: _taken(values, at) for name, values in self.columns.items()}


NO_GROUPS = EntityGroups()


def _taken(values: NDArray[Any], at: NDArray[np.int64]) -> NDArray[Any]:
    unknown = None if values.dtype == object else np.nan
    return np.append(values, np.array([unknown], dtype=values.dtype))[at]  # -1 is the last


def groups_of(contract: Contract, decisions: Sequence[StoredDecision], beside: EntityGroups) -> dict[str, NDArray[Any]]:
    """Columns (n,) for n decisions of a model with that contract: the protected features, and then `beside`.

    No group is known of a decision whose record was erased, or does not follow the contract.
    """
    names = protected_columns(contract)
    return {**(_protected(contract, names, decisions) if names else {}), **beside.of(decisions)}


def _protected(
    contract: Contract, names: Sequence[str], decisions: Sequence[StoredDecision]
) -> dict[str, NDArray[Any]]:
    """In halves where a record does not follow the contract, down to that one."""
    there = [row if row.record is not None else row._replace(record="{}") for row in decisions]
    try:
        records = stored_records(contract, there)
        return {name: column_from_values([each.get(name) for each in records], contract.dtypes[name]) for name in names}
    except UNREADABLE_RECORD:
        if len(there) == 1:
            return _protected(contract, names, [there[0]._replace(record="{}")])
        middle = len(there) // 2
        return joined([_protected(contract, names, half) for half in (there[:middle], there[middle:])])


def joined(parts: Sequence[GroupColumns]) -> dict[str, NDArray[Any]]:
    """Columns of parts that have the same names, one part after the other; none without parts."""
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}
