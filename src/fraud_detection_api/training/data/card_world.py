"""A made-up world of card payments that goes on: customers with habits, three kinds of fraud, and a change of habits.

Each span of time is drawn by itself, so the past can be drawn at once and the present a minute at a time. What is known of a
card or a terminal depends on the seed alone.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Drawn: TypeAlias = dict[str, NDArray[np.generic]]

SECOND_US, MINUTE_US, DAY_US = 1_000_000, 60_000_000, 86_400_000_000

CARDS, TERMINALS, TERMINALS_OF_A_CARD = 6_000, 400, 6
SHARED_DEVICES = 0.2
"""Of the cards, so many are used on the device of another card: families have several."""

CATEGORIES = ("groceries", "restaurants", "fuel", "fashion", "electronics", "travel", "vouchers")
_CATEGORY_SHARES = (0.34, 0.2, 0.13, 0.12, 0.09, 0.06, 0.06)
CHANNELS = ("shop", "web", "app")
_CHANNEL_SHARES, _SHIFTED_SHARES = (0.55, 0.27, 0.18), (0.38, 0.2, 0.42)

KINDS = ("", "stolen card", "skimmed terminal", "voucher wave")
"""Why a payment is fraud, which no contract and no model reads."""

SHIFT_DAYS, SHIFTED_AMOUNTS = 4, 1.2
"""So many days before the origin, customers begin to use the app more, and to spend more."""

_EARLIEST = 100_000_000
"""Seconds before the origin; earlier spans are not drawn."""

WAVE_DAYS, WAVE_SHARE = 11, 0.03
"""So many days before the origin, a wave of fraud begins: in pop-up shops that sell vouchers, each open for a day."""
_WAVE_SHOPS, FIRST_WAVE_TERMINAL, _CARDS_ON_A_DEVICE = 4, 9_000, 2.5
_FIRST_WAVE_DEVICE, _WAVE_DEVICES, _DEVICES_OF_A_DAY = 24_000, 70_000, 6_151

STOLEN_SHARE, TESTS, LARGE = 0.0016, 3, 3
"""Bursts of a stolen card for each payment: some small payments that test it, then some large ones within minutes."""

_SKIMMED_TERMINALS, _SKIMMED_DAYS, _SKIM_SPAN_DAYS, _FRAUD_AT_SKIMMED = 0.12, 12, 70, 0.35


@dataclass(frozen=True)
class CardWorld:
    """A world whose wave and shift of habits lie so many days before `origin_us`, in microseconds since 1970."""

    seed: int
    origin_us: int

    def payments(self, first_us: int, last_us: int, *, a_day: float) -> pl.DataFrame:
        """Payments from `first_us` to before `last_us`, in the order of time, of which legitimate ones are `a_day`.

        Columns: payment_id, card, paid_at, terminal, device, channel, category, amount, is_fraud, and kind, the reason of a
        fraud. The same span has the same payments.
        """
        # counted from the origin, so that worlds of one seed differ in nothing but their dates
        rng = np.random.default_rng([self.seed, _EARLIEST + (first_us - self.origin_us) // SECOND_US])
        usual = rng.poisson(a_day * (last_us - first_us) / DAY_US)
        parts = [self._customers(rng, first_us, last_us, usual), self._stolen(rng, first_us, last_us, usual)]
        parts += [self._wave(rng, max(first_us, self.wave_us), last_us, a_day)] if last_us > self.wave_us else []
        drawn = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        kept = np.flatnonzero(drawn["time"] < last_us)
        order = kept[np.argsort(drawn["time"][kept], kind="stable")]
        return _frame({name: values[order] for name, values in drawn.items()}, first_us)

    @property
    def wave_us(self) -> int:
        """When the wave begins."""
        return self.origin_us - WAVE_DAYS * DAY_US

    @cached_property
    def _cards(self) -> tuple[NDArray[np.float64], Ints, Ints]:
        """The usual amount of each card, its terminals (cards, TERMINALS_OF_A_CARD), and its device."""
        rng = np.random.default_rng([self.seed, 1])
        usual = np.exp(rng.normal(3.3, 0.6, CARDS))
        devices = np.arange(CARDS)
        of_others = rng.random(CARDS) < SHARED_DEVICES
        devices[of_others] = rng.integers(0, CARDS, int(of_others.sum()))
        return usual, rng.integers(0, TERMINALS, (CARDS, TERMINALS_OF_A_CARD)), devices

    @cached_property
    def _terminals(self) -> tuple[Ints, Ints]:
        """The category of each terminal, and when somebody begins to skim it; long after the origin where nobody does."""
        rng = np.random.default_rng([self.seed, 2])
        categories = rng.choice(len(CATEGORIES), TERMINALS, p=_CATEGORY_SHARES)
        starts = self.origin_us + rng.integers(-_SKIM_SPAN_DAYS * DAY_US, 0, TERMINALS)
        return categories, np.where(rng.random(TERMINALS) < _SKIMMED_TERMINALS, starts, np.iinfo(np.int64).max)

    def _customers(self, rng: np.random.Generator, first_us: int, last_us: int, count: int) -> Drawn:
        """What customers pay as they are used to, and what is paid with copies of cards from a skimmed terminal."""
        usual, visited, devices = self._cards
        categories, skimmed_from = self._terminals
        time, card = rng.integers(first_us, last_us, count), rng.integers(0, CARDS, count)
        terminal = visited[card, rng.integers(0, TERMINALS_OF_A_CARD, count)]
        since = time - skimmed_from[terminal]
        is_skimmed = (since >= 0) & (since < _SKIMMED_DAYS * DAY_US)
        is_fraud = is_skimmed & (rng.random(count) < _FRAUD_AT_SKIMMED)
        is_shifted = time >= self.origin_us - SHIFT_DAYS * DAY_US
        amount = usual[card] * np.exp(rng.normal(0.0, 0.5, count)) * np.where(is_shifted, SHIFTED_AMOUNTS, 1.0)
        before, after = (rng.choice(len(CHANNELS), count, p=shares) for shares in (_CHANNEL_SHARES, _SHIFTED_SHARES))
        channel, kind = np.where(is_shifted, after, before), np.where(is_fraud, KINDS.index("skimmed terminal"), 0)
        amount = np.where(is_fraud, amount * 1.8, amount)
        return _drawn(time, card, terminal, devices[card], channel, categories[terminal], amount, kind)

    def _stolen(self, rng: np.random.Generator, first_us: int, last_us: int, count: int) -> Drawn:
        """Bursts with stolen cards, on a device of the thief."""
        usual, _, _ = self._cards
        categories, _ = self._terminals
        bursts, each = rng.poisson(STOLEN_SHARE * count), TESTS + LARGE
        start, victim = rng.integers(first_us, last_us, bursts), rng.integers(0, CARDS, bursts)
        steps = np.cumsum(rng.integers(40 * SECOND_US, 2 * MINUTE_US, (bursts, each)), axis=1)
        card, size = np.repeat(victim, each), bursts * each
        is_test = np.tile(np.arange(each) < TESTS, bursts)
        large = usual[card] * rng.uniform(2.5, 8.0, size)
        amount = np.where(is_test, rng.uniform(0.5, 3.0, size), large)
        terminal, device = rng.integers(0, TERMINALS, size), np.repeat(rng.integers(CARDS, CARDS * 3, bursts), each)
        channel, kind = np.full(size, CHANNELS.index("web")), np.full(size, KINDS.index("stolen card"))
        time = np.ravel(start[:, None] + steps)
        return _drawn(time, card, terminal, device, channel, categories[terminal], amount, kind)

    def _wave(self, rng: np.random.Generator, first_us: int, last_us: int, a_day: float) -> Drawn:
        """Vouchers that are bought with the cards of many victims, a little above what these are used to pay.

        Each shop is open for a day, so that its share of fraud is known too late; a few cards share each device.
        """
        usual, _, _ = self._cards
        size = rng.poisson(a_day * WAVE_SHARE * (last_us - first_us) / DAY_US)
        time, card = rng.integers(first_us, last_us, size), rng.integers(0, CARDS, size)
        day = (time - self.wave_us) // DAY_US
        terminal = FIRST_WAVE_TERMINAL + day * _WAVE_SHOPS + rng.integers(0, _WAVE_SHOPS, size)
        used = max(1, round(a_day * WAVE_SHARE / _CARDS_ON_A_DEVICE))
        device = _FIRST_WAVE_DEVICE + (day * _DEVICES_OF_A_DAY + rng.integers(0, used, size)) % _WAVE_DEVICES
        channel, category = np.full(size, CHANNELS.index("web")), np.full(size, CATEGORIES.index("vouchers"))
        amount = usual[card] * rng.uniform(2.0, 6.0, size)
        return _drawn(
            time, card, terminal, device, channel, category, amount, np.full(size, KINDS.index("voucher wave"))
        )


def _drawn(*columns: NDArray[np.generic]) -> Drawn:
    names = ("time", "card", "terminal", "device", "channel", "category", "amount", "kind")
    return dict(zip(names, columns, strict=True))


def _frame(drawn: Drawn, first_us: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "payment_id": [f"P{first_us // SECOND_US}-{number}" for number in range(len(drawn["time"]))],
            "card": [f"C{number:05}" for number in drawn["card"]],
            # to the second, as terminals write it
            "paid_at": pl.Series(drawn["time"] // SECOND_US * SECOND_US).cast(pl.Datetime("us", "UTC")),
            "terminal": [f"T{number:04}" for number in drawn["terminal"]],
            "device": [f"D{number:05}" for number in drawn["device"]],
            "channel": np.take(CHANNELS, drawn["channel"].astype(np.int64)),
            "category": np.take(CATEGORIES, drawn["category"].astype(np.int64)),
            "amount": np.round(drawn["amount"].astype(np.float64), 2),
            "is_fraud": (drawn["kind"] != 0).astype(np.int8),
            "kind": np.take(KINDS, drawn["kind"].astype(np.int64)),
        }
    )
