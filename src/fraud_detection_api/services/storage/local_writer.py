"""A DecisionWriter in this process, for an application that something else than `fraud serve` starts."""

import asyncio
from collections.abc import Callable, Sequence

from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.services.storage.decision_writer import Result
from fraud_detection_api.services.storage.writing import GroupCommit


class LocalWriter:
    """A DecisionWriter in this process: takes requests from an event loop to the thread of `commit`, and results back.

    GroupCommit itself knows no event loop: the other DecisionWriter's process has one of its own.
    """

    def __init__(self, commit: GroupCommit) -> None:
        self._commit = commit

    @property
    def error(self) -> str | None:
        return self._commit.error

    @property
    def waiting(self) -> int:
        return self._commit.waiting

    async def start(self) -> None:
        await asyncio.to_thread(self._commit.start)

    async def close(self) -> None:
        await asyncio.to_thread(self._commit.close)

    def require_room(self) -> None:
        self._commit.require_room()

    def submit(
        self,
        requests: Sequence[StoredRequest],
        done: Callable[[Sequence[Result]], None],
        *,
        seconds: float | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()

        def report(results: Sequence[Result]) -> None:
            loop.call_soon_threadsafe(done, results)

        self._commit.submit(requests, report, seconds=seconds)
