"""The process that stores decisions for all workers. `fraud serve` starts it before them, and ends it after them."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from fraud_detection_api.container.storage import build_writer_server
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.processes.child_process import BEAT_SECONDS, beat, begun, child_process
from fraud_detection_api.processes.scratch_folders import server_folder
from fraud_detection_api.settings import Settings

ADDRESS = "FRAUD_KEEPER"
_PAUSE_SECONDS = 0.2  # meanwhile no decision is answered
_SILENT_SECONDS = 3.0  # the same


@contextmanager
def decision_writer_process() -> Iterator[None]:
    """Run the process while the block runs, at an address that is set for the workers. It ends after the last of them."""
    with server_folder("keeper") as folder:
        os.environ[ADDRESS] = str(folder / "socket")
        try:
            arguments, silent = [str(folder)], _SILENT_SECONDS
            with child_process("keeper", __name__, arguments, pause_seconds=_PAUSE_SECONDS, silent_seconds=silent):
                yield
        finally:
            del os.environ[ADDRESS]


def main() -> None:
    """Serve at FRAUD_KEEPER until standard input ends; then remove the given folder, which a killed server leaves behind."""
    # uvloop takes less time than asyncio's own loop for a frame
    with begun("keeper") as (settings, tallies), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, tallies))
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(settings: Settings, tallies: Tallies) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    beating = asyncio.create_task(_beat())
    await build_writer_server(settings, tallies).serve_until(ended)
    beating.cancel()


async def _beat() -> None:
    """Beat in the event loop: the process is of no use if that hangs."""
    while True:
        beat()
        await asyncio.sleep(BEAT_SECONDS)


if __name__ == "__main__":
    main()
