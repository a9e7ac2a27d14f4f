"""The process that stores decisions for all workers. `fraud serve` starts it before them, and ends it after them."""

from contextlib import AbstractContextManager

from fraud_detection_api.container.storage import build_writer_server
from fraud_detection_api.processes.socket_process import serve_workers, socket_process

ADDRESS = "FRAUD_KEEPER"
_NAME = "keeper"
_PAUSE_SECONDS = 0.2  # meanwhile no decision is answered
_SILENT_SECONDS = 3.0  # the same


def decision_writer_process() -> AbstractContextManager[None]:
    """Run the process while the block runs, at an address that is set for the workers. It ends after the last of them."""
    return socket_process(_NAME, __name__, ADDRESS, pause_seconds=_PAUSE_SECONDS, silent_seconds=_SILENT_SECONDS)


def main() -> None:
    """Serve at FRAUD_KEEPER until standard input ends."""
    serve_workers(_NAME, build_writer_server)


if __name__ == "__main__":
    main()
