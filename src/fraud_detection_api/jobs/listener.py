"""What a job reports while it runs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

from fraud_detection_api.errors import FraudError


class Bar(Protocol):
    """Takes the share that is done, 0 to 1, and what is being done. A milestone is printed even where there is no bar."""

    def __call__(self, share: float, description: str | None = None, *, milestone: bool = False) -> None: ...


class Listener(NamedTuple):
    """Shows what a job is doing, for the time of a block (`step`), and what it has done (`say`)."""

    step: Callable[[str], AbstractContextManager[Bar]]
    say: Callable[[str], None]


@contextmanager
def says_if_interrupted(listener: Listener, text: str) -> Iterator[None]:
    """Say `text` if Ctrl-C ends the block."""
    try:
        yield
    except KeyboardInterrupt:
        listener.say(text)
        raise


class UnusableOption(FraudError):
    """An option of a command has no meaning for what it is used on. `option` names it, several with spaces between."""

    def __init__(self, option: str, detail: str) -> None:
        super().__init__(f"{option}: {detail}")
        self.option, self.detail = option, detail
