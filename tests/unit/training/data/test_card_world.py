"""A made-up world of card payments."""

import polars as pl
import pytest

from fraud_detection_api.training.data.card_world import DAY_US, MINUTE_US, SHIFT_DAYS, CardWorld

NOW = 1_795_000_000_000_000
A_DAY = 1_000
WORLD = CardWorld(3, NOW)


def drawn(first_us: int, last_us: int) -> pl.DataFrame:
    return WORLD.payments(first_us, last_us, a_day=A_DAY)


@pytest.fixture(scope="module")
def before() -> pl.DataFrame:
    """Forty days before the wave."""
    return drawn(WORLD.wave_us - 40 * DAY_US, WORLD.wave_us)


@pytest.fixture(scope="module")
def wave() -> pl.DataFrame:
    """From the wave's beginning to now."""
    return drawn(WORLD.wave_us, NOW)


def kinds(payments: pl.DataFrame) -> dict[str, float]:
    """The share of each kind of fraud."""
    counted = payments["kind"].value_counts(normalize=True).rows()
    return {kind: share for kind, share in counted if kind}


def test_a_span_has_the_same_payments_each_time_and_another_seed_has_others(before):
    again = CardWorld(3, NOW).payments(WORLD.wave_us - 40 * DAY_US, WORLD.wave_us, a_day=A_DAY)
    other = CardWorld(4, NOW).payments(WORLD.wave_us - 40 * DAY_US, WORLD.wave_us, a_day=A_DAY)
    assert before.equals(again)
    assert not before.equals(other)


def test_a_world_of_another_day_differs_in_its_dates_alone(before):
    later = CardWorld(3, NOW + DAY_US)
    payments = later.payments(later.wave_us - 40 * DAY_US, later.wave_us, a_day=A_DAY)
    assert payments.drop("paid_at", "payment_id").equals(before.drop("paid_at", "payment_id"))
    assert (payments["paid_at"] - before["paid_at"]).dt.total_hours().unique().to_list() == [24]


def test_payments_lie_within_their_span_in_the_order_of_time(wave):
    times = wave["paid_at"].dt.timestamp("us")
    assert times.is_sorted()
    assert WORLD.wave_us - 1_000_000 < times.min() <= times.max() < NOW
    assert wave["payment_id"].n_unique() == wave.height
    assert 0.95 < wave.height / (11 * A_DAY * 1.045) < 1.05


def test_before_the_wave_few_payments_are_fraud_of_two_kinds(before):
    shares = kinds(before)
    assert shares.keys() == {"stolen card", "skimmed terminal"}
    assert all(0.003 < share < 0.015 for share in shares.values())
    assert before.filter(pl.col("kind") == "")["is_fraud"].sum() == 0


def test_the_wave_begins_when_it_should_in_new_shops_that_sell_vouchers_for_a_day(wave):
    frauds = wave.filter(pl.col("kind") == "voucher wave")
    assert 0.02 < frauds.height / wave.height < 0.04
    assert frauds["paid_at"].dt.timestamp("us").min() < WORLD.wave_us + DAY_US // 4
    assert frauds.select("category", "channel").unique().rows() == [("vouchers", "web")]
    open_for = frauds.group_by("terminal").agg(pl.col("paid_at").max() - pl.col("paid_at").min())
    assert open_for["paid_at"].max().total_seconds() <= 86_400
    assert set(frauds["terminal"]).isdisjoint(wave.filter(pl.col("kind") == "")["terminal"])


def test_a_stolen_card_is_tested_with_small_payments_before_large_ones(before):
    [burst, *_] = before.filter(pl.col("kind") == "stolen card").partition_by("device", maintain_order=True)
    assert burst["card"].n_unique() == 1
    assert (burst["amount"].head(3) < 3).all()
    assert (burst["amount"].tail(3) > 3).all()
    assert (burst["paid_at"].max() - burst["paid_at"].min()).total_seconds() * 1e6 <= 15 * MINUTE_US


def test_customers_change_their_habits_in_the_last_days(wave):
    usual, turn = wave.filter(pl.col("kind") == ""), NOW - SHIFT_DAYS * DAY_US
    is_late = usual["paid_at"].dt.timestamp("us") >= turn
    late, early = usual.filter(is_late), usual.filter(~is_late)
    by_app = [(part["channel"] == "app").mean() for part in (early, late)]
    assert by_app[1] > by_app[0] + 0.15
    assert late["amount"].mean() > 1.1 * early["amount"].mean()
