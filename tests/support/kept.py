"""Rows of the decision store, as a server would make them."""

from collections.abc import Iterable
from contextlib import suppress

from fraud_detection_api.decision.identifiers import uuids7
from fraud_detection_api.decision.stored import IdempotencyKey, StoredDecision, StoredRequest
from fraud_detection_api.services.storage.decision_writer import DecisionJournal

BEGINNING = 1_700_000_000_000
"""When the decisions of the tests begin, in milliseconds since 1970; number n was decided n milliseconds later."""

_ROW = StoredDecision(
    decision_id="",
    decided_at=0,
    request_id="0b7e5bffaa8c534aa4b1dbbdf475f903",
    record_index=0,
    idempotency_key=None,
    entity="345435",
    record='{"customer_id":345435,"total_balance":200000}',
    contract="sha256:contract",
    model_version="7",
    model_digest="sha256:model",
    policy_version="3",
    source="model",
    outcome="decline",
    margin=2.625,
    fraud_probability=0.9312,
    risk_score=987,
    reasons=None,
    latency_ms=0.75,
    warnings=None,
    history=None,
    residue=None,
    seal=b"\x01" + bytes(16),
)


def decision_id(number: int) -> str:
    """The id of decision `number`; ids sort as the numbers do."""
    return uuids7(BEGINNING + number, number.to_bytes(10, "big"))[0]


def kept(number: int, **changes: object) -> StoredDecision:
    """Decision `number`, with changes."""
    return _ROW._replace(**{"decision_id": decision_id(number), "decided_at": BEGINNING + number, **changes})


def decided(number: int, at: int, **changes: object) -> StoredDecision:
    """Decision `number`, by model 1 at that moment, in milliseconds since 1970, with changes."""
    by_model_1 = {"model_version": "1", "model_digest": "sha256:1", "policy_version": "1"}
    made = {
        "decision_id": uuids7(at, number.to_bytes(10, "big"))[0],
        "decided_at": at,
        "request_id": f"request-{number}",
    }
    return kept(number, **{**made, **by_model_1, "latency_ms": 1.5, **changes})


def request_of(*numbers: int, **changes: object) -> StoredRequest:
    """A request with these decisions."""
    return StoredRequest([kept(number, record_index=index, **changes) for index, number in enumerate(numbers)])


def keyed(
    number: int, key: str = "key", *, caller: str = "caller", body: bytes = b"digest", answer: bytes | None = None
) -> StoredRequest:
    """A request for decision `number` under an idempotency key."""
    answer = b"answer %d" % number if answer is None else answer
    return StoredRequest([kept(number, idempotency_key=key)], IdempotencyKey(caller, key, body), answer)


def left_held(journal: DecisionJournal, *requests: StoredRequest, complete: bool = True) -> None:
    """Have the journal hold the requests, as a process that is killed then."""
    with suppress(KeyboardInterrupt), journal.holding() as held:
        for request in requests:
            held.add(request)
        if complete:
            held.complete()
        raise KeyboardInterrupt


def numbers_of(rows: Iterable[StoredDecision]) -> list[int]:
    """Which decisions these are."""
    return [row.decided_at - BEGINNING for row in rows]
