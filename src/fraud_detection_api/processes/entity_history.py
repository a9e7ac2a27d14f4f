"""The process that has the history of entities in memory. `fraud serve` starts it, and ends it with the server."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from fraud_detection_api.container.entities import build_history_server
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.processes.child_process import BEAT_SECONDS, beat, begun, child_process
from fraud_detection_api.processes.scratch_folders import server_folder
from fraud_detection_api.settings import Settings

ADDRESS = "FRAUD_HISTORY"
_PAUSE_SECONDS = 0.2  # meanwhile history features are missing
_SILENT_SECONDS = 10.0  # a store that hangs takes half of it


@contextmanager
def entity_history_process() -> Iterator[None]:
    """Run the process while the block runs, at an address that is set for the workers."""
    with server_folder("history") as folder:
        os.environ[ADDRESS] = str(folder / "socket")
        try:
            arguments = [str(folder)]
            pause, silent = _PAUSE_SECONDS, _SILENT_SECONDS
            with child_process(
                "history", __name__, arguments, pause_seconds=pause, silent_seconds=silent, cut_off=True
            ):
                yield
        finally:
            del os.environ[ADDRESS]


def main() -> None:
    """Serve at FRAUD_HISTORY until standard input ends; then remove the given folder, as a killed server leaves it."""
    with begun("history") as (settings, tallies), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, tallies))
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(settings: Settings, tallies: Tallies) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    beating = asyncio.create_task(_beat())
    await build_history_server(settings, tallies).serve_until(ended)
    beating.cancel()


async def _beat() -> None:
    while True:
        beat()
        await asyncio.sleep(BEAT_SECONDS)


if __name__ == "__main__":
    main()
