"""Work for processes that share it: it squares, refuses, and kills its process."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fraud_detection_api.errors import InvalidDataset


@dataclass(frozen=True)
class Squaring:
    """Squares; a number that is divisible by 5 kills its process the first `deaths` times. Notes are in `folder`."""

    folder: Path
    deaths: int = 0

    def __call__(self) -> Callable[[int], int]:
        (self.folder / f"opened-{os.getpid()}").touch()
        return self.squared

    def squared(self, number: int) -> int:
        if number % 5 == 0 and len(list(self.folder.glob(f"died-{number}-*"))) < self.deaths:
            (self.folder / f"died-{number}-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if number < 0:
            raise InvalidDataset("numbers.csv", ["row 1: is negative"])
        return number * number
