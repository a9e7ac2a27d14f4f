"""The command `fraud`, also as `python -m fraud_detection_api`."""

import atexit
import errno
import gc
import os
import signal
import sys

OBJECTS_A_COLLECTION = 10_000


def main() -> None:
    """Run the command line."""
    # OpenMP reads this once, when XGBoost is loaded: threads that wait by spinning are starved by any busy neighbour, and
    # a training of 12 s was seen to take 8 minutes
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # what is imported stays, and holds a million objects: to search them again and again, the last time at the end, takes
    # a second of a training
    gc.set_threshold(OBJECTS_A_COLLECTION)
    atexit.register(gc.freeze)
    try:
        from fraud_detection_api.cli import app  # noqa: PLC0415 see above

        app()
    except KeyboardInterrupt:  # while modules are imported, where typer does not see it yet
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python would write the rest when it ends
        sys.exit(f"error: the output cannot be written: {error.strerror}")


if __name__ == "__main__":
    main()
