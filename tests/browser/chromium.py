"""Debian's Chromium, driven by Playwright: where it is, how it starts, and what a page says about itself."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Arguments with which Chromium asks nothing of any host but the one under test."""


class NoChromium(Exception):
    """There is no Chromium here."""


def find_chromium() -> str:
    """The command of CHROMIUM, else `chromium` of PATH. Raises NoChromium."""
    wanted = os.environ.get("CHROMIUM", "chromium")
    if (found := shutil.which(wanted)) is None:
        raise NoChromium(f"{wanted} is not on this machine. On Debian: apt-get install chromium, or set CHROMIUM.")
    return found


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A browser without a window. Raises NoChromium."""
    command = find_chromium()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # which root cannot have
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=command, args=[*QUIET, *sandbox])
        yield browser
        browser.close()
