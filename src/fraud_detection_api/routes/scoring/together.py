"""Requests of one turn are decided together, and each gets the answer that it would get alone.

Rows of what was decided together are made together, too.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, NamedTuple

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.decided import Decisions, Explanations
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import FraudError
from fraud_detection_api.routes.scoring.idempotency import packed
from fraud_detection_api.routes.scoring.turns import Answer, ScoringRequest
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService, Part, Task
from fraud_detection_api.services.deciding.recording import Recorder, RequestContext
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
        task = Task(first.deployment.champion, like.explain, like.deadline, watch)
        decided, wording, begin = self._service.decide(task, records), self._wording, 0
        texts = wording.each(decided.decisions, first.deployment.contract)
        for _, asked in group:
            part = Part(decided, begin, begin + len(asked.records))
            state, own, begin = part.explanations, texts[begin : part.last], part.last
            body = wording.whole(own, state).encode()
            yield Answer(
                body, part, None if asked.dry_run else asked.records, watch, state if wording.explains else None
            )


def _alike(asked: tuple[ScoringRequest, Asked | FraudError]) -> tuple[Any, ...]:
    """What requests that are decided together have in common."""
    request, what = asked
    if isinstance(what, FraudError):
        return (id(what),)
    return id(request.deployment), what.explain, what.deadline


class _Kept(NamedTuple):
    """An answer whose decisions are stored."""

    request: ScoringRequest
    body: bytes
    part: Part
    records: Sequence[Record]


def sealed_requests(
    recorder: Recorder | None, requests: Sequence[ScoringRequest], answers: Sequence[Answer | FraudError]
) -> list[StoredRequest | None]:
    """What is to be stored with each answer; None for an error and a dry run, and where there is no recorder."""
    if recorder is None:
        return [None] * len(answers)
    kept = [_kept(request, answer) for request, answer in zip(requests, answers, strict=True)]
    return [sealed for _, group in groupby(kept, _whole) for sealed in _sealed(recorder, list(group))]


def _kept(request: ScoringRequest, answer: Answer | FraudError) -> _Kept | None:
    if isinstance(answer, FraudError) or answer.part is None or answer.records is None:
        return None
    return _Kept(request, answer.body, answer.part, answer.records)


def _whole(kept: _Kept | None) -> int | None:
    """What neighbours have in common that were decided together."""
    return None if kept is None else id(kept.part.whole)


def _sealed(recorder: Recorder, alike: Sequence[_Kept | None]) -> Iterator[StoredRequest | None]:
    kept = [each for each in alike if each is not None]  # all of them, or none
    if not kept:
        yield from [None] * len(alike)
        return
    part = kept[0].part._replace(last=kept[-1].part.last)
    records = kept[0].records if len(kept) == 1 else list(chain.from_iterable(each.records for each in kept))
    contract, contexts = kept[0].request.deployment.contract, [_context(each) for each in kept]
    rows, begin = recorder.rows(part.decisions, records, contract, contexts), 0
    for each, context in zip(kept, contexts, strict=True):
        key, end = each.request.key, begin + context.records
        yield StoredRequest(rows[begin:end], key, b"" if key is None else packed(each.body))
        begin = end


def _context(kept: _Kept) -> RequestContext:
    request = kept.request
    key = None if request.key is None else request.key.key
    return RequestContext(request.request_id, key, request.watch.elapsed_ms(), len(kept.records))
