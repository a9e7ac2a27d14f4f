"""`make screenshots`: a picture of every page in every look, and a table of what the pages took, beside the budget."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser

from browser.chromium import NoChromium, running_chromium
from browser.pages import LOOKS, PLACES, Look, addresses
from browser.visiting import Measured, person
from browser.world import Served, served_world

INTERACTIVE_MS, KILOBYTES = 300, 150
LOADS = 2


def take_all(browser: Browser, served: Served, folder: Path) -> bool:
    """Write the pictures, print the table, and say whether every page keeps the budget."""
    asked, keeps = addresses(served), True
    print(f"{'page':20} {'look':10} {'interactive':>14} {'transferred':>14} {'shift':>7} {'overflow':>9}")
    for look, looks in LOOKS.items():
        for name, measured in _taken(browser, served, asked, look, looks, folder):
            is_kept = (
                measured.interactive_ms <= INTERACTIVE_MS
                and measured.kilobytes <= KILOBYTES
                and measured.shift == 0
                and measured.overflow_px <= 0
            )
            keeps = keeps and is_kept
            figures = f"{measured.interactive_ms:11.0f} ms {measured.kilobytes:11.1f} KB"
            print(f"{name:20} {look:10} {figures} {measured.shift:7.3f} {measured.overflow_px:6} px", end="")
            print("" if is_kept else "  above the budget")
    return keeps


def _taken(
    browser: Browser, served: Served, asked: dict[str, str], look: str, size: Look, folder: Path
) -> Iterator[tuple[str, Measured]]:
    for who in dict.fromkeys(place.who for place in PLACES.values()):
        with person(browser, served, who, size) as somebody:
            for name in (name for name, place in PLACES.items() if place.who == who):
                somebody.page.goto(asked[name])  # what is measured in the background is ready after it
                loads = []
                for _ in range(LOADS):
                    somebody.page.goto(asked[name])
                    loads.append(somebody.measure())
                # the machine may do something else meanwhile, but nothing may ever move
                shift, quickest = max(each.shift for each in loads), min(each.interactive_ms for each in loads)
                yield name, loads[-1]._replace(shift=shift, interactive_ms=quickest)
                somebody.page.screenshot(path=folder / f"{name}-{look}.png", full_page=True)


def main(folder: str) -> int:
    """0 if every page keeps the budget, 1 if one does not, 2 without Chromium."""
    pictures, began = Path(folder), time.monotonic()
    pictures.mkdir(parents=True, exist_ok=True)
    try:
        with running_chromium() as browser, TemporaryDirectory() as scratch:
            print("making a demo; about a minute", flush=True)
            store = f"sqlite:///{Path(scratch) / 'decisions.db'}"
            with served_world(Path(scratch), store) as served:
                keeps = take_all(browser, served, pictures)
    except NoChromium as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(LOOKS) * len(PLACES)} pictures in {pictures}, after {time.monotonic() - began:.0f} s")
    return 0 if keeps else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
