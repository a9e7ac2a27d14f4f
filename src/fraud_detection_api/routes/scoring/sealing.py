"""What is stored of requests that were answered together: rows of what was decided together are made together."""

from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from typing import NamedTuple

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import FraudError
from fraud_detection_api.routes.scoring.idempotency import packed
from fraud_detection_api.routes.scoring.turns import Answer, ScoringRequest
from fraud_detection_api.services.deciding.decisions import Part
from fraud_detection_api.services.deciding.recording import Recorder, RequestContext


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
