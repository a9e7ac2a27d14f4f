"""The process that observes kept decisions: `fraud serve` starts it with the workers, and again if it dies."""

from contextlib import AbstractContextManager

from fraud_detection_api.processes.child_process import child_process

_PAUSE_SECONDS = 2.0  # nobody waits for it, and starting takes processor time that callers wait for


def observer_process() -> AbstractContextManager[None]:
    """Keep one running while the block does. It keeps everything in transactions, so it need not be let finish."""
    return child_process(
        "observer", "fraud_detection_api.processes.observer", pause_seconds=_PAUSE_SECONDS, cut_off=True
    )
