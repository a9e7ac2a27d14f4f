"""The history of entities in the process that asks."""

import numpy as np

from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.entities.asking import Seen
from fraud_detection_api.services.entities.local import LocalHistory
from support.payments import payment, payments_contract


class Empty:
    """A history of no events."""

    position, is_outdated, rows, size_bytes = 0, False, 0, 0

    def catch_up(self) -> bool:
        return False

    def sweep(self) -> None: ...

    def answers(self, requests, stored=()):
        return Seen(0, np.zeros((sum(map(len, requests)), len(payments_contract().history))), 0)


def test_a_store_that_is_away_at_the_first_question_leaves_history_unavailable_until_it_is_back():
    openings = iter([StoreUnavailable("away"), Empty()])

    def opened(_contract):
        opening = next(openings)
        if isinstance(opening, StoreUnavailable):
            raise opening
        return opening

    history, answers = LocalHistory(opened, Recorder()), []
    for _ in range(3):
        history.ask(payments_contract(), [[payment()]], answers.append, seconds=1)
    assert [None if seen is None else seen.values.shape[0] for seen in answers] == [None, 1, 1]
