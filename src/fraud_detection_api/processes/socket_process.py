"""A process beside the workers that serves them all at a Unix socket in a folder of its own."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import uvloop

from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.processes.child_process import BEAT_SECONDS, beat, begun, child_process
from fraud_detection_api.processes.scratch_folders import server_folder
from fraud_detection_api.settings import Settings


class SocketServer(Protocol):
    """What such a process runs."""

    async def serve_until(self, ended: asyncio.Event) -> None:
        """Serve until `ended`."""


@contextmanager
def socket_process(
    name: str, module: str, address: str, *, pause_seconds: float, silent_seconds: float, cut_off: bool = False
) -> Iterator[None]:
    """Run a module, as `child_process` does, at a socket whose path is in the environment variable `address` meanwhile."""
    with server_folder(name) as folder:
        os.environ[address] = str(folder / "socket")
        try:
            with child_process(
                name,
                module,
                [str(folder)],
                pause_seconds=pause_seconds,
                silent_seconds=silent_seconds,
                cut_off=cut_off,
            ):
                yield
        finally:
            del os.environ[address]


def serve_workers(name: str, build: Callable[[Settings, Tallies], SocketServer]) -> None:
    """Within such a process: serve until standard input ends, then remove its folder, as a killed server leaves it."""
    # uvloop takes less time than asyncio's own loop for a frame
    with begun(name) as (settings, tallies), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(lambda: build(settings, tallies)))
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(built: Callable[[], SocketServer]) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    beating = asyncio.create_task(_beat())
    await built().serve_until(ended)
    beating.cancel()


async def _beat() -> None:
    """Beat in the event loop: the process is of no use if that hangs."""
    while True:
        beat()
        await asyncio.sleep(BEAT_SECONDS)
