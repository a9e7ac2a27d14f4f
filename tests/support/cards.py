"""A small contract with history features, a model of it, and a server of it in this process."""

from datetime import UTC, datetime, timedelta
from functools import cache
from math import isnan

import polars as pl

from fraud_detection_api.adapters.sql.arrivals import SqlArrivalStore
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.log import SqlLogStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import StoredDecision, StoredRequest
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService, Task
from fraud_detection_api.services.deciding.recording import Recorder, RequestContext
from fraud_detection_api.services.entities.live import LiveHistory
from fraud_detection_api.services.entities.local import asked_records
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.telemetry import Stopwatch
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.model_fitter import ModelFitter
from support.builders import NOW, QUICK
from support.fakes import InMemoryRegistry

CARDS = """
name = "cards"
[id]
name = "card"
[target]
name = "is_fraud"
[time]
name = "paid_at"
[keys.terminal]
dtype = "int"
[features.amount]
dtype = "float"
minimum = 0
[history.payments_1d]
by = "card"
measure = "count"
window = "1d"
current = "include"
[history.mean_amount_7d]
by = "card"
measure = "mean"
of = "amount"
window = "7d"
[history.terminal_fraud_7d]
by = "terminal"
measure = "share_fraud"
window = "7d"
[history.terminal_total]
by = "terminal"
measure = "sum"
of = "amount"
window = "unlimited"
[derived.amount_above_mean]
formula = "amount - mean_amount_7d"
"""

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def cards_contract(text: str = CARDS):
    """The contract."""
    return contract_from_toml(text, source="cards.toml")


def payment(number: int, **changes: object) -> dict[str, object]:
    """Payment `number`, an hour after the one before: of one of five cards at one of three terminals."""
    moment = BEGAN + timedelta(hours=number)
    sent = {"paid_at": moment, "card": number * 7 % 5, "terminal": number % 3, "amount": 10.0 + number * 31 % 97 / 4}
    return {**sent, **changes}


def payments_frame(rows: int = 800) -> pl.DataFrame:
    """Payments with labels."""
    frame = pl.DataFrame([payment(number) for number in range(rows)])
    return frame.with_columns(is_fraud=pl.Series([int(number % 3 == 1 and number % 7 < 3) for number in range(rows)]))


@cache
def cards_files(text: str = CARDS):
    """Files of a small bundle."""
    registry = InMemoryRegistry()
    dataset = dataset_from_frame(payments_frame(), cards_contract(text), source="made up")
    ModelFitter(registry, 1, QUICK, threads=1, training_shares=(), refit=False).fit(dataset, now=NOW)
    return registry.fetch("1")


class CardServer:
    """Decides on payments with the history that a store has, one request at a time, and stores the decisions."""

    def __init__(self, folder, recorder: Recorder | None = None, files=None) -> None:
        self.recorder = recorder or Recorder(seal_key=b"a key of seals")
        self.model = ServedModel("1", read_bundle(files or cards_files(), source="x"))
        self.contract = self.model.bundle.contract
        self.database = SqliteDatabase(folder / "decisions.db", timeout_seconds=5)
        self.store = SqlDecisionStore(self.database, idempotency_seconds=86_400)
        self.store.migrate()
        self.labels, self.log = SqlLabelStore(self.database), SqlLogStore(self.database)
        self.arrivals = SqlArrivalStore(self.database)
        self.history = LiveHistory(self.contract, SqlArrivalStore(self.database))
        self.requests = 0

    def decide(self, *records: dict[str, object]) -> list[StoredDecision]:
        """Decisions on the records of a request, which are not stored yet."""
        while self.history.catch_up():
            pass
        asked = self.history.answers([asked_records(self.contract, records, self.recorder)]).values.tolist()
        values = [[None if isnan(value) else value for value in each] for each in asked]
        whole = [
            {**record, **dict(zip(self.contract.history, own, strict=True))}
            for record, own in zip(records, values, strict=True)
        ]
        return self.decided(whole, self.history.position)

    def decided(self, whole: list[dict[str, object]], position: int | None) -> list[StoredDecision]:
        """Decisions on the records of a request with their history features."""
        self.requests += 1
        at = BEGAN.timestamp() + 60 * self.requests
        service = DecisionService(fallback="review", wall_clock=lambda: at)
        task = Task(self.model, explain=True, deadline=NEVER, watch=Stopwatch(), history=position)
        context = RequestContext(f"request-{self.requests % 4}", None, 1.5, len(whole))
        return self.recorder.rows(service.decide(task, whole).decisions, whole, self.contract, [context])

    def save(self, *requests: list[StoredDecision]) -> list[StoredDecision]:
        """Store requests together."""
        self.store.save([StoredRequest(rows) for rows in requests])
        return [row for rows in requests for row in rows]

    def label(self, row: StoredDecision, *, is_fraud: bool = True) -> None:
        """Say what a decision turned out to be."""
        self.labels.record([Finding(row.decision_id, is_fraud, "chargeback")])


def with_payments(server: CardServer, count: int) -> list[StoredDecision]:
    """Have a server decide on payments, in requests of one to three, some of them late; a third of the third are fraud."""
    rows, late, number = [], [], 0
    while number < count:
        size = min((1, 3, 2)[len(rows) % 3], count - number)
        made = server.decide(*(payment(number + index) for index in range(size)))
        number += size
        late.append(made)
        if len(late) > number % 4:
            rows += server.save(*late)
            late.clear()
        if rows and number % 5 == 0:
            server.label(rows[number * 13 % len(rows)], is_fraud=number % 3 > 0)
    return rows + server.save(*late)
