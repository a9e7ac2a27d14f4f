"""PSI and KS of counts: by hand, against scipy, and that chance alone stays below the noise floor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fraud_detection_api.monitoring.counts import Counts, LevelCounts, NumberCounts
from fraud_detection_api.monitoring.drift import (
    chi_square_quantile,
    chi_square_tail,
    drift_of_features,
    ks,
    ks_noise_floor,
    noise_floor,
    psi,
)
from fraud_detection_api.policy.outcomes import OUTCOMES

EVEN = np.full(20, 5_000)
SHARES = {
    "even bins": np.full(20, 0.05),
    "a discrete feature": np.array([0.9, 0.05, 0.03, 0.01, 0.006, 0.004]),
    "a rare level": np.array([0.999, 0.001]),
    "bins that are hardly ever filled": np.array([*[0.05] * 20, 1e-5, 1e-5]),
}


def test_psi_of_many_records_is_that_of_their_shares():
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.3, 0.3])
    by_hand = float(np.sum((q - p) * np.log(q / p)))
    assert psi((p * 1e8).astype(int), (q * 1e8).astype(int)) == pytest.approx(by_hand, rel=1e-6)


def test_psi_of_the_same_shares_is_nothing():
    assert psi(EVEN, EVEN * 3) == pytest.approx(0, abs=1e-9)


def test_a_bin_that_is_empty_on_one_side_leaves_psi_finite():
    value = psi(np.array([1000, 0]), np.array([0, 1000]))
    assert value is not None
    assert 10 < value < 20


def test_a_bin_that_is_empty_on_both_sides_changes_nothing():
    assert psi(np.array([600, 400, 0]), np.array([50, 40, 0])) == psi(np.array([600, 400]), np.array([50, 40]))


def test_without_records_nothing_is_said():
    empty = np.zeros(3, dtype=int)
    for one, other in ((empty, np.ones(3, dtype=int)), (np.ones(3, dtype=int), empty)):
        assert psi(one, other) is None
        assert noise_floor(one, other, tests=3) is None
        assert ks(one, other) is None
        assert ks_noise_floor(one, other, tests=3) is None


def test_all_in_one_bin_has_no_noise_to_speak_of():
    assert noise_floor(np.array([100, 0]), np.array([7, 0]), tests=3) is None


@pytest.mark.parametrize("shares", SHARES.values(), ids=list(SHARES))
@pytest.mark.parametrize("live", [5, 50, 200, 1_000, 20_000])
@pytest.mark.parametrize("reference", [2_000, 100_000])
def test_chance_alone_stays_below_the_noise_floor(shares, live, reference):
    draws = np.random.default_rng(live + reference)
    shares = shares / shares.sum()
    for _ in range(2_000):
        then, now = draws.multinomial(reference, shares), draws.multinomial(live, shares)
        floor = noise_floor(then, now, tests=21)
        assert floor is None or psi(then, now) < floor


@pytest.mark.parametrize("shares", SHARES.values(), ids=list(SHARES))
@pytest.mark.parametrize("live", [200, 1_000, 20_000])
def test_the_noise_floor_at_a_tail_that_can_be_drawn_is_passed_about_as_often(shares, live, monkeypatch):
    """One in a thousand, and at most twice that: so the far tail is believed."""
    monkeypatch.setattr("fraud_detection_api.monitoring.drift.FALSE_ALARM", 1e-3)
    draws, reference = np.random.default_rng(7), 100_000
    shares = shares / shares.sum()
    then = draws.multinomial(reference, shares)
    alarms = sum(
        psi(then, now) > (noise_floor(then, now, tests=1) or np.inf)
        for now in draws.multinomial(live, shares, size=10_000)
    )
    assert alarms <= 40


def test_more_records_lower_the_noise_floor():
    floors = [noise_floor(EVEN, np.full(20, each), tests=18) for each in (1, 10, 100, 1_000)]
    assert floors == sorted(floors, reverse=True)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=20))
def test_ks_is_that_of_the_records_of_each_bin(counts):
    then, now = (np.array(side) for side in zip(*counts, strict=True))
    if not then.any() or not now.any():
        return
    places = np.arange(len(then))
    expected = stats.ks_2samp(np.repeat(places, then), np.repeat(places, now), method="asymp").statistic
    assert ks(then, now) == pytest.approx(expected)


def test_chance_alone_stays_below_the_noise_floor_of_ks():
    draws = np.random.default_rng(3)
    for _ in range(2_000):
        now = draws.multinomial(200, np.full(20, 0.05))
        assert ks(EVEN, now) < ks_noise_floor(EVEN, now, tests=18)


DEGREES = [1, 2, 3, 7, 19, 20, 99, 1000]


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("tail", [0.9, 0.5, 0.05, 1e-4, 1e-9, 1e-15])
def test_quantiles_are_exact_far_into_the_tail(degrees, tail):
    assert chi_square_quantile(tail, degrees) == pytest.approx(stats.chi2.isf(tail, degrees), rel=1e-9)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("x", [1e-6, 0.5, 3.0, 40.0, 900.0])
def test_tails_are_exact(degrees, x):
    assert chi_square_tail(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-10, abs=1e-300)


def test_nothing_is_below_zero():
    assert chi_square_tail(0.0, 3) == chi_square_tail(-1.0, 3) == 1.0


@pytest.mark.parametrize(("tail", "degrees"), [(0.0, 3), (1.0, 3), (0.5, 0), (float("nan"), 3)])
def test_what_is_no_chance_or_no_degree_is_refused(tail, degrees):
    with pytest.raises(ValueError):
        chi_square_quantile(tail, degrees)


LEVELS = [f"M{number:04d}" for number in range(5_000)]


def many_levels(live_shares=None, *, repeated=False, seed=0):
    """Drift of a column of 5,000 levels, few of them frequent: 20,000 records of the reference and 20,000 live ones."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, 5_001)
    shares = rng.permutation(shares / shares.sum())
    then = rng.multinomial(20_000, shares)
    now = rng.multinomial(20_000, then / 20_000 if repeated else live_shares(shares) if live_shares else shares)
    known = {name: count for name, count in zip(LEVELS, now.tolist(), strict=True) if count and then[int(name[1:])]}
    seen = {name: count for name, count in zip(LEVELS, then.tolist(), strict=True) if count}
    unseen = int(now.sum()) - sum(known.values())
    empty = NumberCounts(0, (20_000,), 0, 0)
    counts = Counts(20_000, {"merchant": LevelCounts(known, unseen, 0)}, empty, dict.fromkeys(OUTCOMES, 0))
    score = {"edges": [0.0, 1.0], "counts": [20_000], "missing": 0}
    reference = {"features": {"merchant": {"levels": seen, "missing": 0}}, "probability": score}
    return drift_of_features(reference, counts, psi_level=0.1, windows=3)["merchant"]


def test_thousands_of_levels_that_did_not_change_are_no_drift():
    drifts = [many_levels(seed=seed) for seed in range(5)]
    assert max(each.psi for each in drifts) < 0.02
    assert {each.alarm_level for each in drifts} == {0.1}
    assert all(each.unseen > 0.005 for each in drifts)  # new levels keep coming
    assert all(len(each.bins) < 60 for each in drifts)
    assert {(each.records, each.reference_records) for each in drifts} == {(20_000, 20_000)}


def test_a_rare_level_of_thousands_that_becomes_frequent_is_drift():
    found = many_levels(lambda shares: 0.9 * shares + 0.1 * (np.arange(5_000) == np.argsort(-shares)[400]))
    assert found.psi > 0.15
    assert found.drifted


def test_records_that_repeat_those_of_training_are_no_drift():
    found = many_levels(repeated=True)
    assert found.unseen == 0
    assert found.psi < 0.02
