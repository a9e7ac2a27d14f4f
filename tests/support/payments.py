"""A contract of card payments with keys and history features."""

from datetime import UTC, datetime, timedelta
from functools import cache

import polars as pl

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.model_fitter import ModelFitter
from support.builders import NOW, QUICK
from support.fakes import InMemoryRegistry

PAYMENTS = """
name = "payments"
[id]
name = "card"
dtype = "str"
[target]
name = "is_fraud"
label_delay_days = 7
[time]
name = "paid_at"
arrival_delay = "5m"
[keys.terminal]
description = "Where the card was used."
example = 17
[keys.device]
dtype = "str"
nullable = true
[features.amount]
dtype = "float"
minimum = 0
[features.instalments]
dtype = "int"
[features.is_night]
dtype = "bool"
nullable = true
[features.channel]
dtype = "category"
nullable = true
[features.opened_at]
dtype = "datetime"
parts = ["hour"]
nullable = true
[history.payments_1d]
by = "card"
measure = "count"
window = "1d"
monotone = "increasing"
reason = { code = "MANY_PAYMENTS", text = "{value} payments in a day" }
[history.mean_amount_7d]
by = "card"
measure = "mean"
of = "amount"
window = "7d"
delay = "1h"
[history.terminals_7d]
by = ["card", "channel"]
measure = "distinct"
of = "terminal"
window = "7d"
at_most = 50
current = "include"
[history.terminal_fraud_28d]
by = "terminal"
measure = "share_fraud"
window = "28d"
delay = "7d"
[history.since_web_payment]
by = "card"
measure = "since_last"
window = "unlimited"
where = "channel == 'web' and amount > 0"
[derived.amount_above_mean]
formula = "amount - mean_amount_7d"
[constraints.some]
check = "amount > 0"
field = "amount"
message = "must be more than 0"
"""


def payments_contract():
    """The contract of card payments."""
    return contract_from_toml(PAYMENTS, source="payments.toml")


BEGINNING = datetime(2026, 9, 1, tzinfo=UTC)
A_PAYMENT = {"card": "C-1", "paid_at": "2026-11-22T10:00:00Z", "terminal": 17, "amount": 40.0, "channel": "web"}
"""What an event of the contract needs. A decision also needs `instalments`."""


def payment(**changes: object) -> dict[str, object]:
    """A payment to decide on, with changes."""
    return {**A_PAYMENT, "instalments": 1, "is_night": False, **changes}


def payments_frame(rows: int = 1000) -> pl.DataFrame:
    """Labelled payments of twenty cards, one an hour; seeded by nothing but the row number."""
    numbers = range(rows)
    return pl.DataFrame(
        {
            "card": [f"C-{n * 7919 % 20}" for n in numbers],
            "paid_at": [BEGINNING + timedelta(hours=n) for n in numbers],
            "terminal": [n * 31 % 7 for n in numbers],
            "device": [None if n % 3 else f"D-{n % 5}" for n in numbers],
            "amount": [1.25 + n * 7919 % 101 for n in numbers],
            "instalments": [1 + n % 3 for n in numbers],
            "is_night": [None if n % 11 == 0 else n % 3 == 0 for n in numbers],
            "channel": [None if n % 13 == 0 else ("web", "shop")[n % 2] for n in numbers],
            "opened_at": [None if n % 5 else datetime(2020, 1 + n % 12, 1, tzinfo=UTC) for n in numbers],
            "is_fraud": [int(n * 7919 % 101 > 90) for n in numbers],
        },
        schema_overrides={"opened_at": pl.Datetime("us", "UTC")},
    )


@cache
def payments_files():
    """Files of a small sealed bundle of the contract."""
    registry, dataset = InMemoryRegistry(), dataset_from_frame(payments_frame(), payments_contract(), source="made up")
    ModelFitter(registry, 1, QUICK, threads=1, training_shares=(), refit=False).fit(dataset, now=NOW)
    return registry.fetch("1")
