"""The process that keeps decisions for all workers: `fraud serve` starts it, and it ends when that has ended."""

import asyncio
import os
import shutil
import signal
import sys

from fraud_detection_api.container.storage import build_writer_server
from fraud_detection_api.metrics.sharing import SharedMetrics, single
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import configure_logging


def main() -> None:
    """Serve at FRAUD_KEEPER until standard input ends, which it does with the process that holds its other end.

    A folder that is named as the argument is removed then: that process may have been killed, and left it.
    """
    # whoever stops a whole group of processes means the workers, who still have answers to send
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    settings = Settings.from_environment(os.environ)
    configure_logging(settings.log_level, settings.log_format)
    asyncio.run(_serve(settings))
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(settings: Settings) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    metrics = SharedMetrics(Tallies(), settings.metrics_folder)
    server = build_writer_server(settings, metrics.tallies)
    metrics.start(single("keeper"))
    try:
        await server.serve_until(ended)
    finally:
        metrics.close()


if __name__ == "__main__":
    main()
