"""The process that has the history of entities in memory. `fraud serve` starts it, and ends it with the server."""

import gc
from contextlib import AbstractContextManager

from fraud_detection_api.container.entities import build_history_server
from fraud_detection_api.processes.socket_process import serve_workers, socket_process

ADDRESS = "FRAUD_HISTORY"
_NAME = "history"
_PAUSE_SECONDS = 0.2  # meanwhile history features are missing
_SILENT_SECONDS = 10.0  # a store that hangs takes half of it


def entity_history_process() -> AbstractContextManager[None]:
    """Run the process while the block runs, at an address that is set for the workers. It may be cut off."""
    pause, silent = _PAUSE_SECONDS, _SILENT_SECONDS
    return socket_process(_NAME, __name__, ADDRESS, pause_seconds=pause, silent_seconds=silent, cut_off=True)


def main() -> None:
    """Serve at FRAUD_HISTORY until standard input ends."""
    gc.disable()  # the server collects what is new; to search the entities of a bank takes a second each time
    serve_workers(_NAME, build_history_server)


if __name__ == "__main__":
    main()
