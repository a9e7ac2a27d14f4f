"""One protocol: this product by default and tuned, the rivals, the published figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from benchmarks.measures import Row, measure
from benchmarks.protocols import Protocol
from benchmarks.published import PUBLISHED
from benchmarks.rivals import NEEDED, RIVALS, SEED, Rival, Scores, ours
from benchmarks.tuned import SEARCHES, Search
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import PrequentialSettings, Split, validation_folds

OURS = "fraud-detection-api"
NESTED_FOLDS = PrequentialSettings(folds=3)

Chosen = Callable[[Split], tuple[Dataset, Rival]]
"""Data and model for a fold; a model may be tuned on the fold's training part, and adds columns then."""


def measure_protocol(
    protocol: Protocol, folder: Path, *, minutes: float, defaults: bool, rivals: bool, say: Callable[[str], None]
) -> list[Row]:
    """Rows of a protocol; `minutes` of 0 leave tuning out. Raises InvalidDataset where the file is not as expected."""
    data = protocol.load(folder)
    run = _Run(protocol, data, protocol.folds(data), say)
    plain = data.following(protocol.contract)
    rows = [run.row(f"{OURS}, default", lambda _fold: (plain, ours()))] if defaults else []
    for name, rival in RIVALS.items() if rivals and defaults else ():
        if _installed(name, say):
            rows.append(run.row(name, partial(_with_rival, plain, rival)))
    for name, search in SEARCHES.items() if minutes and protocol.tuned_for else ():
        if name == OURS or (rivals and _installed(name, say)):
            rows.append(run.row(f"{name}, tuned", run.tuned(search, minutes)))
    return [*rows, *(Row(name, figures, source) for name, figures, source in PUBLISHED[protocol.name])]


@dataclass(frozen=True)
class _Run:
    """`data` has every column that tuning may choose."""

    protocol: Protocol
    data: Dataset
    folds: Sequence[Split]
    say: Callable[[str], None]

    def row(self, name: str, choose: Chosen) -> Row:
        """Train and score on every fold. The seconds are those of training and scoring, without those of tuning."""
        scored: list[tuple[Dataset, Scores]] = []
        seconds = 0.0
        for number, fold in enumerate(self.folds, 1):
            data, rival = choose(fold)
            test = data.take(fold.test)
            begun = perf_counter()
            scored.append((test, rival(data.take(fold.train), test)))
            seconds += perf_counter() - begun
            self.say(f"{self.protocol.name}: {name}, fold {number} of {len(self.folds)}, {seconds:.0f} s")
        return measure(name, self.protocol.metrics, scored, seconds)

    def tuned(self, search: Search, minutes: float) -> Chosen:
        """Tuned once where the protocol has data for that alone, else on each fold's training part."""

        def chosen(data: Dataset, folds: Sequence[Split]) -> tuple[Dataset, Rival]:
            columns, rival = search(self.protocol, data, folds, minutes * 60)
            return self.data.following(columns.contract), rival

        if self.protocol.tuned_once is not None:
            once = chosen(*self.protocol.tuned_once(self.data))
            return lambda _fold: once

        def choose(fold: Split) -> tuple[Dataset, Rival]:
            train = self.data.take(fold.train)
            return chosen(train, validation_folds(train, NESTED_FOLDS, seed=SEED))

        return choose


def _installed(name: str, say: Callable[[str], None]) -> bool:
    """Whether a rival can be measured; says so where not."""
    needed = NEEDED.get(name.replace(",", "").split()[0], "sklearn")
    if find_spec(needed) is None:
        say(f"skipped: {name}, for {needed} is not installed")
        return False
    return True


def _with_rival(data: Dataset, rival: Rival, _fold: Split) -> tuple[Dataset, Rival]:
    return data, rival
