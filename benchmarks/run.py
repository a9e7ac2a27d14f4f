"""One protocol: this product by default and tuned, the rivals, the published figures."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from benchmarks.measures import Row, measure
from benchmarks.protocols import Protocol
from benchmarks.published import PUBLISHED
from benchmarks.rivals import NEEDED, RIVALS, SEED, THREADS, Rival, Scores, ours
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import PrequentialSettings, Split, validation_folds
from fraud_detection_api.training.tuning.objective import Objective
from fraud_detection_api.training.tuning.tune import Tuned, Tuner

NESTED_FOLDS = PrequentialSettings(folds=3)

Chosen = Callable[[Split], tuple[Dataset, Rival]]
"""Data and model for a fold; a model may be tuned on the fold's training part, and adds columns then."""


def measure_protocol(
    protocol: Protocol, folder: Path, *, trials: int, rivals: bool, say: Callable[[str], None]
) -> list[Row]:
    """Rows of a protocol; `trials` of 0 leaves tuning out. Raises InvalidDataset where the file is not as expected."""
    data = protocol.load(folder)
    run = _Run(protocol, data, protocol.folds(data), say)
    plain = data.following(protocol.contract)
    rows = [run.row("fraud-detection-api, default", lambda _fold: (plain, ours()))]
    if trials and protocol.tuned_for:
        rows.append(run.row(f"fraud-detection-api, tuned ({trials} trials)", run.tuned(trials)))
    for name, rival in RIVALS.items() if rivals else ():
        if find_spec(NEEDED[name]) is None:
            say(f"skipped: {name}, for {NEEDED[name]} is not installed")
        else:
            rows.append(run.row(name, partial(_with_rival, plain, rival)))
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

    def tuned(self, trials: int) -> Chosen:
        """Tuned once where the protocol has data for that alone, else on each fold's training part."""
        if self.protocol.tuned_once is not None:
            once = self._tune(*self.protocol.tuned_once(self.data), trials)
            return lambda _fold: (self.data.following(once.contract), ours(once.settings))

        def choose(fold: Split) -> tuple[Dataset, Rival]:
            train = self.data.take(fold.train)
            tuned = self._tune(train, validation_folds(train, NESTED_FOLDS, seed=SEED), trials)
            return self.data.following(tuned.contract), ours(tuned.settings)

        return choose

    def _tune(self, data: Dataset, folds: Sequence[Split], trials: int) -> Tuned:
        assert self.protocol.tuned_for is not None
        name = self.protocol.name
        with tempfile.TemporaryDirectory() as folder:
            objective = Objective(self.protocol.tuned_for)
            tuned = Tuner(Path(folder) / "study.db", objective, SEED, threads=THREADS).tune(
                data,
                folds,
                contract=self.protocol.contract,
                trials=trials,
                on_progress=lambda done: self.say(f"{name}: trial {done.finished}, best {done.best_value}"),
            )
        self.say(f"{name}: tuned to {tuned.summary['settings']}, ratios {tuned.summary['ratios']}")
        return tuned


def _with_rival(data: Dataset, rival: Rival, _fold: Split) -> tuple[Dataset, Rival]:
    return data, rival
