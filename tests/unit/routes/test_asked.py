"""History features go into the records of requests before anybody decides on them."""

from collections.abc import Sequence

import numpy as np

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import parse_contract
from fraud_detection_api.errors import InvalidRecords
from fraud_detection_api.routes.scoring.asked import Asked, Read, with_history
from fraud_detection_api.services.entities.asking import Answered, Seen
from fraud_detection_api.telemetry import Stopwatch
from support.builders import every_dtype_contract
from support.payments import payment, payments_contract

PAYMENTS = payments_contract()
FEATURES = list(PAYMENTS.history)


class Numbering:
    """History that answers when it is told to: 1, 2, … for the records, and NaN for the second feature."""

    def __init__(self, position: int | None = 9) -> None:
        self._position, self.waiting = position, list[tuple[Contract, list[list[Record]], Answered]]()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def prepare(self, contract: Contract) -> None: ...

    def stored(self, requests: object) -> None: ...

    def ask(self, contract: Contract, requests: Sequence[Sequence[Record]], done: Answered, *, seconds: float) -> None:
        self.waiting.append((contract, [list(map(dict, request)) for request in requests], done))

    def answer(self) -> None:
        contract, requests, done = self.waiting.pop(0)
        size = sum(map(len, requests))
        values = np.repeat(np.arange(1.0, size + 1)[:, np.newaxis], len(contract.history), axis=1)
        values[:, 1] = np.nan
        done(None if self._position is None else Seen(self._position, values, 0))


def completed(history: Numbering | None, contracts: Sequence[Contract], *asked: Asked | Exception) -> list[Read]:
    done: list[Read] = []
    with_history(history, contracts, Read(asked, Stopwatch()), seconds=1, done=done.append)
    return done


def test_each_record_gets_its_features_and_each_request_the_position():
    history = Numbering()
    done = completed(history, [PAYMENTS] * 2, Asked([payment(), payment()]), Asked([payment()], dry_run=True))
    assert not done
    history.answer()
    first, second = done[0].asked
    assert [record["payments_1d"] for record in (*first.records, *second.records)] == [1, 2, 3]
    assert [record["mean_amount_7d"] for record in first.records] == [None, None]
    assert (first.history, second.history, second.dry_run) == (9, 9, True)


def test_features_are_missing_while_history_is_unavailable():
    for history in (None, Numbering(None)):
        done = completed(history, [PAYMENTS], Asked([payment()]))
        if history is not None:
            history.answer()
        [asked] = done[0].asked
        assert [asked.records[0][name] for name in FEATURES] == [None] * len(FEATURES)
        assert asked.history is None


def test_an_error_stays_one_beside_a_good_request():
    history, error = Numbering(), InvalidRecords([])
    done = completed(history, [PAYMENTS] * 2, error, Asked([payment()]))
    assert history.waiting[0][1] == [[payment()]]
    history.answer()
    assert done[0].asked[0] is error
    assert done[0].asked[1].records[0]["payments_1d"] == 1


def test_requests_of_several_contracts_wait_for_the_history_of_each():
    other = parse_contract({**PAYMENTS.as_json(), "description": "another"}, source="a test")
    history = Numbering()
    done = completed(history, [PAYMENTS, other, PAYMENTS], Asked([payment()]), Asked([payment()]), Asked([payment()]))
    history.answer()
    assert not done
    history.answer()
    assert [asked.records[0]["payments_1d"] for asked in done[0].asked] == [1, 1, 2]


def test_nobody_is_asked_without_history_features():
    history, record = Numbering(), {"amount_eur": 1.0}
    done = completed(history, [every_dtype_contract(), PAYMENTS], Asked([record]), InvalidRecords([]))
    assert not history.waiting
    assert done[0].asked[0].records == [{"amount_eur": 1.0}]
