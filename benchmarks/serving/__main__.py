"""Speed, delay and memory of serving, beside what others reach for.

make bench-serving [ARGS="--quick"]

Trains one model, installs and starts each peer in an environment of its own, checks that all answer the same, and
lets wrk ask them in turns. Linux only. The first run downloads about 1 GB of peers; a whole run takes about 30 minutes,
and wants a machine on which nothing else runs.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from pydantic import ValidationError

from benchmarks.serving.environments import NotMeasured
from benchmarks.serving.fleet import Fleet
from benchmarks.serving.in_process import measure_in_process
from benchmarks.serving.machine import own_versions, this_machine
from benchmarks.serving.measure import Effort, measure_loads, measure_neighbours, measure_starts
from benchmarks.serving.model import prepare_model
from benchmarks.serving.page import write_page
from benchmarks.serving.results import AFTER_LOAD, WHEN_READY, Results, from_json, to_json
from benchmarks.serving.targets import SCENARIOS, TARGETS, Target
from benchmarks.serving.wrk import NoWrk, require_wrk

USAGE = 2
PARTS = ("load", "neighbour", "starts", "in-process")
THOROUGH, QUICK = Effort(rounds=5, seconds=5, starts=3), Effort(rounds=2, seconds=2, starts=1)
REPEATS = {THOROUGH: 21, QUICK: 5}
PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "explanation" / "benchmarks.md"
CACHE = PROJECT / ".benchmark"


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for and write the page, or write it anew from results."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    try:
        results = from_json(asked.render.read_bytes()) if asked.render else _measure(asked)
    except NoWrk as missing:
        return _refused(str(missing))
    except NotMeasured as reason:
        return _refused(f"the product is not measured: {reason}; its log is under {asked.cache}/servers")
    except OSError as error:
        return _refused(f"{error.filename}: {error.strerror}")
    except ValidationError:
        return _refused(f"{asked.render} holds no results of this benchmark")
    page = asked.page or (PAGE if _is_whole(asked) else asked.cache / PAGE.name)
    write_page(results, page)
    say(f"written: {page}")
    return 0


def _end(number: int, _frame: object) -> None:
    """End as Ctrl-C would, so that no server is left behind."""
    sys.exit(128 + number)


def _refused(why: str) -> int:
    say(f"error: {why}")
    return USAGE


def _is_whole(asked: argparse.Namespace) -> bool:
    """Whether the results are fit for the project's own page."""
    return bool(asked.render) or (not asked.quick and not asked.only and tuple(asked.parts) == PARTS)


def _measure(asked: argparse.Namespace) -> Results:
    require_wrk()
    effort = QUICK if asked.quick else THOROUGH
    effort = Effort(asked.rounds or effort.rounds, asked.seconds or effort.seconds, effort.starts)
    tell = _clocked()
    tell("training the model, or taking the one that is there")
    model = prepare_model(asked.cache / "model")
    results = Results(
        datetime.now(UTC).date().isoformat(),
        this_machine(),
        effort.seconds,
        len(model.columns),
        {"project": own_versions()},
    )
    fleet = Fleet(model, asked.cache, results, tell)
    try:
        _serve(fleet, asked, effort)
    finally:
        fleet.stop()
    if "in-process" in asked.parts:
        measure_in_process(model, asked.cache, REPEATS[QUICK if asked.quick else THOROUGH], results, tell)
    out = asked.out or asked.cache / "results.json"
    out.write_bytes(to_json(results))
    tell(f"written: {out}")
    return results


def _serve(fleet: Fleet, asked: argparse.Namespace, effort: Effort) -> None:
    """The parts that want servers."""
    if "starts" in asked.parts:
        measure_starts(fleet, effort)
    if not {"load", "neighbour"} & set(asked.parts):
        return
    chosen: list[Target] = [TARGETS[name] for name in asked.only or TARGETS]
    targets = fleet.start(chosen)
    fleet.measure_memory(WHEN_READY)
    if "load" in asked.parts:
        measure_loads(fleet, targets, SCENARIOS, effort)
    if "neighbour" in asked.parts:
        measure_neighbours(fleet, targets, effort)
    fleet.measure_memory(AFTER_LOAD)


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Names separated by commas, of those that are known."""

    def names(text: str) -> list[str]:
        found = [name for name in text.split(",") if name]
        if unknown := [name for name in found if name not in known]:
            raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
        return found

    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench-serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a short run that shows that all works; its figures are rough")
    add(
        "--only",
        type=_names(list(TARGETS)),
        metavar="NAME,…",
        help=f"of {', '.join(TARGETS)}; all if left out; ratios want empty",
    )
    add("--parts", type=_names(PARTS), default=PARTS, metavar="PART,…", help=f"of {', '.join(PARTS)}; all if left out")
    add("--rounds", type=int, metavar="N", help=f"rounds; {THOROUGH.rounds} if left out")
    add("--seconds", type=int, metavar="S", help=f"seconds of one measurement; {THOROUGH.seconds} if left out")
    add(
        "--cache",
        type=Path,
        default=CACHE,
        metavar="FOLDER",
        help="environments, model and logs; .benchmark/ by default",
    )
    add("--out", type=Path, metavar="FILE", help="the results as JSON; results.json in the cache by default")
    add(
        "--page",
        type=Path,
        metavar="FILE",
        help="the page, with its plot beside it; docs/explanation/benchmarks.md after a whole run",
    )
    add("--render", type=Path, metavar="FILE", help="write the page from such a JSON, and measure nothing")
    return parser


def _clocked() -> Callable[[str], None]:
    """Progress with the minutes since the start."""
    begun = monotonic()

    def tell(text: str) -> None:
        minutes, seconds = divmod(int(monotonic() - begun), 60)
        say(f"{minutes:3d}:{seconds:02d}  {text}")

    return tell


def say(text: str) -> None:
    """Progress and errors, on stderr."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
