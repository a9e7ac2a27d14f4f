"""What a job reports while it runs. The command line puts it into words."""

from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from fraud_detection_api.errors import FraudError

Step = Literal[
    "backtest",
    "export",
    "import",
    "purge",
    "replay",
    "simulate",
    "train",
    "train_default",
    "train_tuned",
    "tune",
]
Event = Literal[
    "challenging",
    "default_trained",
    "exported",
    "listening",
    "policy_registered",
    "promoted",
    "registered",
    "tracked",
    "training_default",
    "tuned",
    "warning",
]


class StepProgress(Protocol):
    """Called with the share of a step that is done, 0 to 1, and with what else is known of it."""

    def __call__(self, share: float, **facts: Any) -> None: ...


class Listener(Protocol):
    """Learns what a job is doing (`step`, for the time of a block) and what it has done (`report`)."""

    def step(self, step: Step, **facts: Any) -> AbstractContextManager[StepProgress]: ...

    def report(self, event: Event, **facts: Any) -> None: ...


class UnusableOption(FraudError):
    """An option of a command has no meaning for what it is used on. `option` names it, several with spaces between."""

    def __init__(self, option: str, detail: str) -> None:
        super().__init__(f"{option}: {detail}")
        self.option, self.detail = option, detail
