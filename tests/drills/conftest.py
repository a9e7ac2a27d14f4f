"""The table of promises: what each drill measured, beside the bound that it must keep.

A drill takes the fixture `promise` and calls it once for each promise. The call records the figure, then asserts it, so
that a broken promise is in the table too. `--promises FILE` writes the table as JSON.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

FAULTS_SHOWN = 20
_PROPERTY = "promise"


class Kept(NamedTuple):
    """A promise and what was measured of it; one that no drill came to measure has no figures."""

    text: str
    measured: float | None
    bound: float | None
    unit: str
    at_least: bool
    held: bool


class Promise(Protocol):
    """Records a figure, and fails the drill where it is beyond its bound."""

    def __call__(
        self,
        text: str,
        *,
        measured: float,
        bound: float,
        unit: str = "",
        at_least: bool = False,
        faults: Iterable[object] = (),
    ) -> None: ...


def kept_promise(text: str, *, measured: float, bound: float, unit: str = "", at_least: bool = False) -> Kept:
    """The promise with its figure, as a value of Python's own: xdist sends no other."""
    held = bool(measured >= bound if at_least else measured <= bound)
    return Kept(text, measured if isinstance(measured, int) else float(measured), bound, unit, at_least, held)


@pytest.fixture
def promise(request: pytest.FixtureRequest) -> Promise:
    """`promise("no request waits longer than its deadline", measured=4.2, bound=6.0, unit="s")`.

    The figure may be at most `bound`, or with `at_least` at least that. `faults` are shown where it is not.
    """
    case = getattr(request.node, "callspec", None)
    where = f" ({case.id})" if case is not None else ""

    def record(
        text: str,
        *,
        measured: float,
        bound: float,
        unit: str = "",
        at_least: bool = False,
        faults: Iterable[object] = (),
    ) -> None:
        __tracebackhide__ = True
        kept = kept_promise(text + where, measured=measured, bound=bound, unit=unit, at_least=at_least)
        request.node.user_properties.append((_PROPERTY, kept._asdict()))
        shown = [f"\n  {fault}" for fault in list(faults)[:FAULTS_SHOWN]]
        assert kept.held, f"{text}: {_figure(measured, unit)}, not {_bound(kept)}{''.join(shown)}"

    return record


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--promises", type=Path, metavar="FILE", help="write the table of promises to FILE, as JSON")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    kept = list(_kept(terminalreporter.stats))
    if path := config.getoption("promises"):
        path.write_text(json.dumps([one._asdict() for one in kept], indent=1) + "\n")
    if kept:
        terminalreporter.section("promises")
        for line in table(kept):
            terminalreporter.write_line(line)


def _kept(stats: dict[str, list[Any]]) -> Iterator[Kept]:
    """Each promise of each drill, by the drill's name; a drill that failed without a broken promise is a line too."""
    drills: dict[str, list[Any]] = defaultdict(list)
    for kind in ("passed", "failed", "error"):
        for report in stats.get(kind, []):
            drills[report.nodeid].append(report)
    for name, reports in sorted(drills.items()):
        # each phase's report has what was recorded so far
        properties = max((report.user_properties for report in reports), key=len)
        found = [Kept(**given) for key, given in properties if key == _PROPERTY]
        yield from found
        if any(report.failed for report in reports) and all(one.held for one in found):
            yield Kept(name.rpartition("::")[2], None, None, "", False, False)


def table(kept: list[Kept]) -> Iterator[str]:
    """Lines of the table, the figures in columns."""
    head = ("promise", "measured", "bound", "")
    rows = [(one.text, _figure(one.measured, one.unit), _bound(one), "ok" if one.held else "FAILED") for one in kept]
    text, measured, bound, _ = (max(map(len, column)) for column in zip(head, *rows, strict=True))
    for row in (head, *rows):
        yield f"{row[0]:{text}}  {row[1]:>{measured}}  {row[2]:>{bound}}  {row[3]}".rstrip()
    yield f"{sum(one.held for one in kept)} of {len(kept)} promises held"


def _figure(figure: float | None, unit: str) -> str:
    if figure is None:
        return "not measured"
    shown = f"{figure:,}" if isinstance(figure, int) else f"{figure:,.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"
    return f"{shown} {unit}".rstrip()


def _bound(one: Kept) -> str:
    return "" if one.bound is None else f"{'≥' if one.at_least else '≤'} {_figure(one.bound, one.unit)}"
