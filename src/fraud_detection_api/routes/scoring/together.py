"""Requests of one turn are decided together, and each gets the answer that it would get alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.decided import Decisions, Explanations
from fraud_detection_api.errors import FraudError
from fraud_detection_api.routes.scoring.answer import Answer, Origin
from fraud_detection_api.routes.scoring.turns import ScoringRequest
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService, Task
from fraud_detection_api.services.models.deployment import Deployment
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
        watch, answers = Stopwatch(), list[Answer | FraudError]()
        asked = [self._asked(request) for request in requests]
        watch.lap("parse")
        while (first := len(answers)) < len(asked):
            what, last = asked[first], first + 1
            if isinstance(what, FraudError):
                answers.append(what)
                continue
            while last < len(asked) and _are_alike(requests[first], what, requests[last], asked[last]):
                last += 1
            answers += self._answered(requests[first].deployment, asked[first:last], watch.split())
        return answers

    def _asked(self, request: ScoringRequest) -> Asked | FraudError:
        try:
            if request.deadline is not None:
                request.deadline.require()
            return self._read(request)
        except FraudError as error:
            return error

    def _answered(
        self, deployment: Deployment[RecordParser], alike: Sequence[Any], watch: Stopwatch
    ) -> Iterator[Answer]:
        """Answers to what was `Asked` of a deployment, decided together."""
        model, wording, begin = deployment.champion, self._wording, 0
        records = [record for asked in alike for record in asked.records]
        decided = self._service.decide(Task(model, alike[0].explain, alike[0].deadline, watch), records)
        texts, origin = wording.each(decided.decisions, deployment.contract), Origin(model.version, watch)
        for asked in alike:
            end = begin + len(asked.records)
            state = decided.explanations_of(begin, end)
            body = wording.whole(texts[begin:end], state).encode()
            kept, given = None if asked.dry_run else asked.records, state if wording.explains else None
            yield Answer(body, origin, decided, begin, end, kept, given)
            begin = end


def _are_alike(one: ScoringRequest, asks: Asked, other: ScoringRequest, other_asks: Asked | FraudError) -> bool:
    """Whether two requests can be decided together."""
    return (
        isinstance(other_asks, Asked)
        and one.deployment is other.deployment
        and asks.explain == other_asks.explain
        and asks.deadline == other_asks.deadline
    )
