"""Why a record scored as it did: the features that moved it most, in the contract's words."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from importlib import import_module
from itertools import islice, pairwise
from operator import add
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.row_format import json_texts
from fraud_detection_api.model.numbers import shortest
from fraud_detection_api.model.placement import NOWHERE, Placement
from fraud_detection_api.model.trees.compilation import kernels
from fraud_detection_api.model.words import DIRECTIONS, Words, columns_of

MOST_REASONS = 4
"""As many as Regulation B's commentary (12 CFR 1002, comment 9(b)(2)-1) finds likely to help a refused applicant."""


class Chosen(NamedTuple):
    """The reasons of n records: how many each has, and then of all, record by record and the strongest first, three lists.

    A code says which one it is: twice (rank from 0 · features + the feature's place), and one more where it increases the
    risk. A number is the derived feature's, NaN where there is none.
    """

    sizes: list[int]
    codes: list[int]
    contributions: list[float]
    numbers: list[float]


class Reasoner:
    """Chooses and words reasons for records of one contract; `column_names` are those of the matrix.

    `placement` says where values stand among the training data.
    """

    def __init__(self, contract: Contract, column_names: Sequence[str], placement: Placement = NOWHERE) -> None:
        places = {column: place for place, column in enumerate(column_names)}
        features = list(contract.explained.items())
        columns = [[places[column] for column in columns_of(name, item) if column in places] for name, item in features]
        self._first = [own[0] for own in columns]
        self._spread = [(place, own) for place, own in enumerate(columns) if len(own) > 1]
        derived = [own[0] if name in contract.derived else -1 for (name, _), own in zip(features, columns, strict=True)]
        self._derived = np.array(derived, dtype=np.int64)
        self._is_whole = self._first == list(range(len(column_names)))
        self._choose, self._fold = _loops()
        self._groups = _groups([item.reason_group for _, item in features])
        words = [Words.of(contract, name, placement, direction=at) for name, _ in features for at in DIRECTIONS]
        ranks = range(1, MOST_REASONS + 1)
        self._words = [each.end_of for _ in ranks for each in words]
        self._heads = [f'{{"rank":{rank},{each.head}' for rank in ranks for each in words]

    def texts(
        self,
        contributions: NDArray[np.float64],
        records: Sequence[Mapping[str, Any]],
        matrix: NDArray[np.float32],
        adverse: NDArray[np.bool_],
    ) -> list[str]:
        """Reasons of each record as a JSON array: at most MOST_REASONS, the strongest first.

        Features of equal strength are in the contract's order. `contributions` float64 (n, columns), `matrix` float32
        (n, columns) and `adverse` (n,) are the records'. For an adverse outcome only what pushed towards fraud is a reason.
        The parts of a datetime count as one feature.
        """
        chosen = self._choose(self._totals(contributions), adverse, matrix, self._derived)
        words, numbered = self._words, zip(chosen.codes, chosen.numbers, strict=True)
        worded = [
            words[code](record, number)
            for record, size in zip(records, chosen.sizes, strict=True)
            for code, number in islice(numbered, size)
        ]
        values = json_texts([value for value, _ in worded])
        parts = zip(chosen.codes, values, json_texts(chosen.contributions), worded, strict=True)
        heads, middles = self._heads, _MIDDLES
        reasons = iter(
            [f"{heads[code]}{value}{middles[code & 1]}{added}{end}" for code, value, added, (_, end) in parts]
        )
        return [f"[{','.join(islice(reasons, size))}]" for size in chosen.sizes]

    def _totals(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each feature adds, or the strongest one of each group with the others, float64 (n, features)."""
        if self._is_whole and self._groups is None:
            return contributions
        totals = contributions[:, self._first]
        for place, columns in self._spread:
            # `sum` rounds one way before Python 3.12 and another way since
            totals[:, place] = [math.fsum(parts) for parts in contributions[:, columns].tolist()]
        if self._groups is not None:
            self._fold(totals, *self._groups)
        return totals


def _groups(names: Sequence[str | None]) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Places of the features in each group, one group after another, and where each begins and ends; None for no group."""
    members: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if name is not None:
            members.setdefault(name, []).append(place)
    if not members:
        return None
    starts = np.cumsum([0, *map(len, members.values())])
    return np.concatenate([*members.values()]).astype(np.int64), starts.astype(np.int64)


def fold_plainly(totals: NDArray[np.float64], members: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
    """Give the sum of each group to its strongest feature in the sum's direction, and 0 to its others.

    `totals` float64 (n, features) is changed; `members` and `starts` are as `_groups` returns them.
    """
    for row in totals:
        for begin, end in pairwise(starts.tolist()):
            places = members[begin:end].tolist()
            total = reduce(add, row[places].tolist(), 0.0)
            strongest = max(places, key=lambda place: row[place] if total > 0 else -row[place])
            row[places] = 0.0
            row[strongest] = total


def fold_compiled(totals: NDArray[np.float64], members: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
    """As `fold_plainly`, in a compiled loop."""
    from fraud_detection_api.model.reason_kernels import fold  # noqa: PLC0415 see `_loops`

    fold(totals, members, starts)


def choose_plainly(
    totals: NDArray[np.float64], adverse: NDArray[np.bool_], matrix: NDArray[np.float32], derived: NDArray[np.int64]
) -> Chosen:
    """The strongest reasons of each record by `totals`, float64 (n, features).

    `derived` int64 (features,) are the columns in `matrix` float32 (n, columns) of derived features, -1 for others.
    """
    strength = np.where(adverse[:, np.newaxis], totals, np.abs(totals))
    places = np.argsort(-strength, axis=1, kind="stable")[:, :MOST_REASONS]
    rows, ranks = np.nonzero(np.take_along_axis(strength, places, axis=1) > 0)
    places = places[rows, ranks]
    contributions, columns = totals[rows, places], derived[places]
    codes = 2 * (ranks * totals.shape[1] + places) + (contributions > 0)
    numbers = [shortest(value) for value in np.where(columns < 0, np.float32(np.nan), matrix[rows, columns])]
    sizes = np.bincount(rows, minlength=len(totals))
    return Chosen(sizes.tolist(), codes.tolist(), contributions.tolist(), numbers)


def choose_compiled(
    totals: NDArray[np.float64], adverse: NDArray[np.bool_], matrix: NDArray[np.float32], derived: NDArray[np.int64]
) -> Chosen:
    """As `choose_plainly`, in a compiled loop."""
    from fraud_detection_api.model.reason_kernels import choose  # noqa: PLC0415 see `_loop`

    most = MOST_REASONS * len(totals)
    whole, real = np.empty(len(totals) + most, np.int64), np.empty((3, most))
    choose(totals, adverse, matrix, derived, whole, real)
    integers = whole.tolist()
    sizes = integers[: len(totals)]
    end = sum(sizes)
    contributions, numbers, encoded = real[:, :end].tolist()
    if math.inf in numbers:
        numbers = [shortest(np.float32(b)) if a == math.inf else a for a, b in zip(numbers, encoded, strict=True)]
    return Chosen(sizes, integers[len(totals) : len(totals) + end], contributions, numbers)


def _loops() -> tuple[Callable[..., Chosen], Callable[..., None]]:
    """The compiled loops, loaded before a request needs them, or the plain ones where Numba cannot be loaded."""
    if kernels() is None:
        return choose_plainly, fold_plainly
    import_module("fraud_detection_api.model.reason_kernels")
    return choose_compiled, fold_compiled


_MIDDLES = tuple(f',"direction":"{verb}_risk","contribution_log_odds":' for verb in DIRECTIONS)
"""What stands in JSON between a reason's value and its contribution, by whether that is above 0."""
