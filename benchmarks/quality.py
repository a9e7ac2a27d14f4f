"""Model quality on public data, beside other libraries and published figures.

make bench-quality DATA=folder [ARGS="--tune 20 --protocols 1,2 --write page.md"]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from time import perf_counter

from benchmarks.measures import Row, measure
from benchmarks.protocols import PROTOCOLS, Protocol
from benchmarks.published import PUBLISHED
from benchmarks.rivals import RIVALS, SEED, Rival, Scores, ours
from benchmarks.tables import page, table
from fraud_detection_api.training.dataset import Dataset
from fraud_detection_api.training.objectives import Objective
from fraud_detection_api.training.splits import PrequentialSettings, Split, validation_folds
from fraud_detection_api.training.tune import Tuned, Tuner

NESTED_FOLDS = PrequentialSettings(folds=3)


def main() -> int:
    """Run the protocols that were asked for; 2 where there is nothing to run on."""
    asked = _arguments()
    if not asked.data.is_dir():
        print(f"error: {asked.data} is no folder; name the one that holds the data: --data FOLDER", file=sys.stderr)
        return 2
    tables, results = [], {}
    for number in asked.protocols.split(","):
        protocol = PROTOCOLS[number]
        if not (asked.data / protocol.file).is_file():
            _say(f"skipped: protocol {number}, for there is no {protocol.file}")
            continue
        rows = run(protocol, asked.data, trials=asked.tune, rivals=not asked.alone)
        results[protocol.name] = [asdict(row) for row in rows]
        tables.append(table(f"{number}. {protocol.title}", protocol.metrics, rows))
        print(tables[-1], flush=True)
    if not tables:
        return 2
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if asked.write:
        command = f'make bench-quality DATA=… ARGS="--tune {asked.tune}"'
        asked.write.write_text(page(tables, today=date.today(), command=command), encoding="utf-8")  # noqa: DTZ011
    return 0


def run(protocol: Protocol, folder: Path, *, trials: int, rivals: bool) -> list[Row]:
    """Rows of a protocol: this product's, the rivals', the published ones."""
    data, contract = protocol.load(folder), protocol.contract
    folds, plain = protocol.folds(data), data.following(contract)
    rows = [_measured("fraud-detection-api, default", protocol, folds, lambda _fold: (plain, ours()))]
    if trials and protocol.tuned_for:
        rows.append(_tuned_row(protocol, data, folds, trials))
    if rivals:
        rows += [
            _measured(name, protocol, folds, lambda _fold, rival=rival: (plain, rival))
            for name, rival in RIVALS.items()
        ]
    published = [Row(name, figures, source) for name, figures, source in PUBLISHED[protocol.name]]
    return [*rows, *published]


def _measured(
    name: str, protocol: Protocol, folds: Sequence[Split], choose: Callable[[Split], tuple[Dataset, Rival]]
) -> Row:
    scored: list[tuple[Dataset, Scores]] = []
    seconds = 0.0
    for number, fold in enumerate(folds, 1):
        data, rival = choose(fold)
        test = data.take(fold.test)
        begun = perf_counter()
        scored.append((test, rival(data.take(fold.train), test)))
        seconds += perf_counter() - begun
        _say(f"{protocol.name}: {name}, fold {number} of {len(folds)}, {seconds:.0f} s")
    return measure(name, protocol.metrics, scored, seconds)


def _tuned_row(protocol: Protocol, data: Dataset, folds: Sequence[Split], trials: int) -> Row:
    if protocol.tuned_once is None:

        def choose(fold: Split) -> tuple[Dataset, Rival]:
            train = data.take(fold.train)
            tuned = _tune(protocol, train, validation_folds(train, NESTED_FOLDS, seed=SEED), trials)
            return data.following(tuned.contract), ours(tuned.settings)
    else:
        once = _tune(protocol, *protocol.tuned_once(data), trials)

        def choose(fold: Split) -> tuple[Dataset, Rival]:
            return data.following(once.contract), ours(once.settings)

    return _measured(f"fraud-detection-api, tuned ({trials} trials)", protocol, folds, choose)


def _tune(protocol: Protocol, data: Dataset, folds: Sequence[Split], trials: int) -> Tuned:
    assert protocol.tuned_for is not None
    with tempfile.TemporaryDirectory() as folder:
        tuner = Tuner(Path(folder) / "study.db", Objective(protocol.tuned_for), SEED)
        tuned = tuner.tune(
            data,
            folds,
            contract=protocol.contract,
            trials=trials,
            on_progress=lambda done: _say(f"{protocol.name}: trial {done.finished}, best {done.best_value:.4f}"),
        )
    _say(f"{protocol.name}: tuned to {tuned.summary['settings']}, ratios {tuned.summary['ratios']}")
    return tuned


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the files of the protocols")
    parser.add_argument("--protocols", default="1,2,3,4", help="numbers, separated by commas")
    parser.add_argument(
        "--tune", type=int, default=0, metavar="TRIALS", help="tune with so many trials; 0 leaves it out"
    )
    parser.add_argument("--alone", action="store_true", help="leave the other libraries out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables as a page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures for programs")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
