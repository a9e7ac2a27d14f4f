"""Requests of one turn are decided together, and each gets the answer that it would get alone."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.decided import Decisions, Explanations
from fraud_detection_api.errors import FraudError
from fraud_detection_api.routes.scoring.answer import Answer, Origin
from fraud_detection_api.routes.scoring.turns import ScoringRequest
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService, Part, Task
from fraud_detection_api.telemetry import Stopwatch


class Asked(NamedTuple):
    """What a request asks for. `deadline` is a time on the clock of the service."""

    records: Sequence[dict[str, Any]]
    explain: bool = False
    dry_run: bool = False
    deadline: float = NEVER


class Wording(NamedTuple):
    """How answers are written: the JSON of each decision, and of an answer to a request from those of its records.

    `explains` says whether an answer says what became of its reasons.
    """

    each: Callable[[Decisions, Contract], list[str]]
    whole: Callable[[Sequence[str], Explanations], str]
    explains: bool


class Answers:
    """Answers requests: `read` says what each asks for, or raises FraudError."""

    def __init__(self, service: DecisionService, read: Callable[[ScoringRequest], Asked], wording: Wording) -> None:
        self._service, self._read, self._wording = service, read, wording

    def __call__(self, requests: Sequence[ScoringRequest]) -> list[Answer | FraudError]:
        """The answer to each request, in order, or its error."""
        watch = Stopwatch()
        asked = [(request, self._asked(request)) for request in requests]
        watch.lap("parse")
        return [answer for _, group in groupby(asked, _alike) for answer in self._answered(list(group), watch.split())]

    def _asked(self, request: ScoringRequest) -> Asked | FraudError:
        try:
            if request.deadline is not None:
                request.deadline.require()
            return self._read(request)
        except FraudError as error:
            return error

    def _answered(
        self, alike: Sequence[tuple[ScoringRequest, Asked | FraudError]], watch: Stopwatch
    ) -> Iterator[Answer | FraudError]:
        first, like = alike[0]
        if isinstance(like, FraudError):
            yield like
            return
        group = [(request, asked) for request, asked in alike if isinstance(asked, Asked)]  # all of them
        records = [record for _, asked in group for record in asked.records]
        model = first.deployment.champion
        decided = self._service.decide(Task(model, like.explain, like.deadline, watch), records)
        origin, wording, begin = Origin(model.version, watch), self._wording, 0
        texts = wording.each(decided.decisions, first.deployment.contract)
        for _, asked in group:
            part = Part(decided, begin, begin + len(asked.records))
            state, own, begin = part.explanations, texts[begin : part.last], part.last
            body = wording.whole(own, state).encode()
            records_kept, given = None if asked.dry_run else asked.records, state if wording.explains else None
            yield Answer(body, origin, part, records_kept, given)


def _alike(asked: tuple[ScoringRequest, Asked | FraudError]) -> tuple[Any, ...]:
    """What requests that are decided together have in common."""
    request, what = asked
    if isinstance(what, FraudError):
        return (id(what),)
    return id(request.deployment), what.explain, what.deadline
