"""Requests of one turn are decided together, and each gets the answer that it would get alone."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from fraud_detection_api.errors import FraudError
from fraud_detection_api.routes.scoring.turns import Answer, ScoringRequest
from fraud_detection_api.services.deciding.decisions import NEVER, Decided, DecisionService, Task
from fraud_detection_api.telemetry import Stopwatch


class Asked(NamedTuple):
    """What a request asks for. `deadline` is a time on the clock of the service."""

    records: Sequence[dict[str, Any]]
    explain: bool = False
    dry_run: bool = False
    deadline: float = NEVER


class Answers:
    """Answers requests: `read` says what each asks for, or raises FraudError, and `write` makes the JSON of its answer."""

    def __init__(
        self,
        service: DecisionService,
        read: Callable[[ScoringRequest], Asked],
        write: Callable[[ScoringRequest, Decided], bytes],
    ) -> None:
        self._service, self._read, self._write = service, read, write

    def __call__(self, requests: Sequence[ScoringRequest]) -> list[Answer | FraudError]:
        """The answer to each request, in order, or its error."""
        asked = [(request, self._asked(request)) for request in requests]
        return [answer for _, group in groupby(asked, _alike) for answer in self._answered(list(group))]

    def _asked(self, request: ScoringRequest) -> Asked | FraudError:
        request.watch.start()
        try:
            if request.deadline is not None:
                request.deadline.require()
            asked = self._read(request)
        except FraudError as error:
            return error
        request.watch.lap("parse")
        return asked

    def _answered(self, alike: Sequence[tuple[ScoringRequest, Asked | FraudError]]) -> Iterator[Answer | FraudError]:
        first, like = alike[0]
        if isinstance(like, FraudError):
            yield like
            return
        group = [(request, asked) for request, asked in alike if isinstance(asked, Asked)]  # all of them
        watch, records = Stopwatch(), [record for _, asked in group for record in asked.records]
        task = Task(first.deployment.champion, like.explain, like.deadline, watch)
        all_decided, begin = self._service.decide(task, records), 0
        for request, asked in group:
            decided = all_decided.part(begin, begin + len(asked.records))
            begin += len(asked.records)
            request.watch.take(watch)
            body = self._write(request, decided)
            yield Answer(body, decided.decisions, None if asked.dry_run else asked.records, decided.explanations)


def _alike(asked: tuple[ScoringRequest, Asked | FraudError]) -> tuple[Any, ...]:
    """What requests that are decided together have in common."""
    request, what = asked
    if isinstance(what, FraudError):
        return (id(what),)
    return id(request.deployment), what.explain, what.deadline
