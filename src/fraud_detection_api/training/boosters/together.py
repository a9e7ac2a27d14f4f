"""Boosters that several processes grow together, each with a share of the records: XGBoost's distributed training."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from xgboost import collective
from xgboost.core import XGBoostError
from xgboost.tracker import RabitTracker

from fraud_detection_api.errors import FraudError
from fraud_detection_api.services.workers.pool import ATTEMPTS, Pool, Workers
from fraud_detection_api.training.boosters.growing import Growing, Part

SECONDS_TO_MEET = 120
"""All processes must have begun by then: they wait for one another."""


class OthersLost(FraudError):
    """The processes that grow boosters together lost one another, each time that they tried."""

    def __init__(self) -> None:
        super().__init__(
            f"the processes that grow boosters together lost one another {ATTEMPTS} times: one of them died, perhaps for "
            "want of memory, or there were fewer free processors than processes"
        )


def grown_together(growing: Growing, folds: Sequence[int], workers: Workers) -> list[Part]:
    """The boosters that leave out those folds, grown by as many processes at once as `workers` have.

    The records are divided between the processes, and none has all of them. Sums over records are made in another order
    than by one process, so the trees differ in the last digits, and where a split hangs on those, in more. If a process
    dies, all boosters begin again. Raises OthersLost.
    """
    with workers.pool(_open) as pool:
        for _attempt in range(ATTEMPTS):
            grown = _tried(growing, folds, pool)
            if grown is not None:
                return grown
    raise OthersLost


@dataclass(frozen=True)
class _Share:
    """What a process does: boosters of its share of the records, which it grows with those who meet at `meeting`."""

    growing: Growing
    folds: Sequence[int]
    meeting: Mapping[str, Any]


def _open() -> Callable[[_Share], list[Part]]:
    return _grown


def _grown(share: _Share) -> list[Part]:
    try:
        with collective.CommunicatorContext(**share.meeting):
            grow = share.growing()
            return [grow(fold) for fold in share.folds]
    except XGBoostError:  # another process was lost, or did not come
        raise OthersLost from None


def _tried(growing: Growing, folds: Sequence[int], pool: Pool[_Share, list[Part]]) -> list[Part] | None:
    """The boosters, or None where a process was lost."""
    bounds = np.linspace(0, len(growing.encoded.data), pool.size + 1).astype(np.int64).tolist()
    tracker = RabitTracker(pool.size, None, sortby="task", timeout=SECONDS_TO_MEET)
    tracker.start()
    meeting = {**tracker.worker_args(), "dmlc_timeout": SECONDS_TO_MEET, "dmlc_retry": 1}
    # a share is made when it is submitted, so that this process never has two copies of all records
    futures = [
        pool.submit(
            _Share(
                replace(growing, encoded=growing.encoded.part(slice(begin, end)), on_progress=None),
                folds,
                {**meeting, "dmlc_task_id": f"{number:06}"},
            )
        )
        for number, (begin, end) in enumerate(pairwise(bounds))
    ]
    wait(futures, return_when=FIRST_EXCEPTION)
    with suppress(XGBoostError):  # it repeats that a process was lost
        tracker.free()  # a process that is tried again finds nobody, and does not wait
    errors = [future.exception() for future in futures]
    if unexpected := [error for error in errors if error is not None and not isinstance(error, FraudError)]:
        raise unexpected[0]
    if any(errors):
        return None
    shares = [future.result() for future in futures]
    return [_joined([parts[number] for parts in shares], bounds) for number in range(len(folds))]


def _joined(shares: Sequence[Part], bounds: Sequence[int]) -> Part:
    """One booster of all processes: it and its losses are the same in each, and the left-out records are not."""
    return replace(
        shares[0],
        held_out=np.concatenate([part.held_out + begin for part, begin in zip(shares, bounds, strict=False)]),
        margins=np.concatenate([part.margins for part in shares]),
    )
