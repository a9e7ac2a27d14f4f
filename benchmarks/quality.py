"""Model quality on public data, beside other libraries and published figures.

make bench-quality DATA=folder [ARGS="--tune 10 --protocols 1,2 --scale --write page.md"]
"""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.protocols import PROTOCOLS
from benchmarks.run import measure_protocol
from benchmarks.scale import measure_scale, scale_tables
from benchmarks.tables import page, table

MISSING = 2


@dataclass
class Results:
    """What was measured: Markdown for people, values for programs."""

    tables: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, markdown: str, figures: Any) -> None:
        self.tables.append(markdown)
        self.figures[name] = figures
        print(markdown, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the protocols that were asked for; MISSING where there is nothing to run on."""
    asked = _parser().parse_args(arguments)
    if not asked.data.is_dir():
        say(f"error: there is no folder {asked.data}; name the one that holds the data: make bench-quality DATA=folder")
        return MISSING
    results = Results()
    for number in asked.protocols:
        _run(number, asked, results)
    if asked.scale:
        speeds, memory = measure_scale(asked.data, say)
        figures = {"speed": [asdict(speed) for speed in speeds], "memory": asdict(memory)}
        results.add("scale", scale_tables(speeds, memory), figures)
    if not results.tables:
        say(f"error: none of the protocols' files is in {asked.data}")
        return MISSING
    _write(asked, results)
    return 0


def _run(number: str, asked: argparse.Namespace, results: Results) -> None:
    protocol = PROTOCOLS[number]
    if not (asked.data / protocol.file).is_file():
        say(f"skipped: protocol {number}, for there is no {protocol.file}")
        return
    rows = measure_protocol(
        protocol, asked.data, minutes=asked.tune, defaults=not asked.tuned_only, rivals=not asked.alone, say=say
    )
    markdown = table(f"{number}. {protocol.title}", protocol.metrics, rows)
    results.add(protocol.name, markdown, [asdict(row) for row in rows])


def _write(asked: argparse.Namespace, results: Results) -> None:
    if asked.json:
        asked.json.write_text(json.dumps(results.figures, indent=1) + "\n", encoding="utf-8")
    if asked.write:
        command = f"make bench-quality DATA=folder ARGS={shlex.quote(_repeated(asked))}"
        made = datetime.now(UTC).date()
        asked.write.write_text(page(results.tables, today=made, command=command), encoding="utf-8")


def _repeated(asked: argparse.Namespace) -> str:
    """The arguments that decide what is measured."""
    flags = [f"--{name}" for name in ("alone", "tuned-only", "scale") if getattr(asked, name.replace("-", "_"))]
    return " ".join([f"--protocols {','.join(asked.protocols)}", f"--tune {asked.tune:g}", *flags])


def _protocols(text: str) -> list[str]:
    numbers = [number for number in text.split(",") if number]
    if unknown := [number for number in numbers if number not in PROTOCOLS]:
        raise argparse.ArgumentTypeError(f"no protocol {', '.join(unknown)}; there are {', '.join(PROTOCOLS)}")
    return numbers


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with the files of the protocols")
    add("--protocols", type=_protocols, default="1,2,3,4,5,6,7", help="numbers, separated by commas; '' for none")
    add("--tune", type=float, default=0, metavar="MINUTES", help="tune so long, in processor time; 0 leaves it out")
    add("--tuned-only", action="store_true", help="leave the defaults out")
    add("--alone", action="store_true", help="leave the other libraries out")
    add("--scale", action="store_true", help="measure time beside bare XGBoost, and memory, as well")
    add("--write", type=Path, metavar="FILE", help="write the tables as a page")
    add("--json", type=Path, metavar="FILE", help="write the figures for programs")
    return parser


def say(text: str) -> None:
    """Progress, and what is amiss, on stderr."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
