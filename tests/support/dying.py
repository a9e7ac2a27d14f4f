"""A process that dies while it grows boosters with others."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xgboost


@dataclass(frozen=True)
class DyingOnce:
    """Workers of which one dies when it begins to grow, once. Notes are in `folder`."""

    workers: Any
    folder: Path

    @contextmanager
    def pool(self, opening: Callable[[], Callable[[Any], Any]]) -> Iterator[Any]:
        with self.workers.pool(_Opening(opening, self.folder)) as pool:
            yield pool


@dataclass(frozen=True)
class _Opening:
    opening: Callable[[], Callable[[Any], Any]]
    folder: Path

    def __call__(self) -> Callable[[Any], Any]:
        work = self.opening()

        def working(share: Any) -> Any:
            note = self.folder / "died"
            if share.meeting["dmlc_task_id"] == "000001" and not note.exists():
                note.touch()
                xgboost.train = lambda *_given, **_options: os.kill(os.getpid(), signal.SIGKILL)
            return work(share)

        return working
