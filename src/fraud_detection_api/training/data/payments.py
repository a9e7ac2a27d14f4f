"""Simulated card payments, whose frauds show in what cards and terminals did before, and hardly in a payment alone."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

DAYS, FIRST_DAY = 90, datetime(2026, 6, 1, tzinfo=UTC)
DAY_US = 86_400_000_000

PAYMENTS_OF_A_CARD, TERMINALS_OF_A_CARD, CARDS_OF_A_TERMINAL = 90, 8, 4
_SKIMMED_DAYS, _STOLEN_DAYS = 14, 3
_SKIMMED_SHARE, _STOLEN_SHARE = 0.1, 0.12
_FRAUD_AT_SKIMMED, _STOLEN_AMOUNT = 0.5, 4.0


def simulate_payments(rows: int, *, seed: int) -> pl.DataFrame:
    """Payments in the order of time: payment_id, paid_at, card, terminal, channel, amount, is_fraud.

    Two kinds of fraud: for two weeks, half of the payments at a terminal with a skimmer; and for three days, all payments
    with a stolen card, which are four times the card's usual amount.
    """
    rng = np.random.default_rng(seed)
    cards, terminals = max(2, rows // PAYMENTS_OF_A_CARD), max(2, rows // PAYMENTS_OF_A_CARD // CARDS_OF_A_TERMINAL)
    times = np.sort(rng.integers(0, DAYS * DAY_US, rows) // 1_000_000 * 1_000_000)
    card = rng.integers(0, cards, rows)
    visited = rng.integers(0, terminals, (cards, TERMINALS_OF_A_CARD))
    terminal = visited[card, rng.integers(0, TERMINALS_OF_A_CARD, rows)]
    usual = np.exp(rng.normal(3.0, 0.7, cards))
    amount = usual[card] * np.exp(rng.normal(0.0, 0.5, rows))
    skimmed = _within(times, _periods(rng, terminals, _SKIMMED_SHARE), terminal, _SKIMMED_DAYS)
    stolen = _within(times, _periods(rng, cards, _STOLEN_SHARE), card, _STOLEN_DAYS)
    amount = np.where(stolen, amount * _STOLEN_AMOUNT, amount)
    fraud = stolen | (skimmed & (rng.random(rows) < _FRAUD_AT_SKIMMED))
    web = rng.random(rows) < np.where(stolen, 0.6, 0.3)
    return pl.DataFrame(
        {
            "payment_id": [f"P{number:08}" for number in range(rows)],
            "paid_at": pl.Series(times + int(FIRST_DAY.timestamp() * 1e6)).cast(pl.Datetime("us", "UTC")),
            "card": [f"C{number:06}" for number in card],
            "terminal": terminal + 1000,
            "channel": np.where(web, "web", "shop"),
            "amount": np.round(amount, 2),
            "is_fraud": fraud.astype(np.int8),
        }
    )


def _periods(rng: np.random.Generator, entities: int, share: float) -> NDArray[np.int64]:
    """When the period of each entity begins, int64 (entities,) in microseconds; after the last day where it has none."""
    starts = rng.integers(0, DAYS * DAY_US, entities)
    return np.where(rng.random(entities) < share, starts, DAYS * DAY_US)


def _within(
    times: NDArray[np.int64], starts: NDArray[np.int64], entity: NDArray[np.int64], days: int
) -> NDArray[np.bool_]:
    """Whether each time is in the period of its entity, bool (n,)."""
    since = times - starts[entity]
    return (since >= 0) & (since < days * DAY_US)
