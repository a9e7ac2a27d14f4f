"""Windows, matured decisions and comparisons of simulated traffic, from what a server and its observer kept."""

import json
from dataclasses import replace
from functools import cache, reduce

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.decision.label import Finding, Label
from fraud_detection_api.errors import NoStore
from fraud_detection_api.metrics.catalogue import DRIFT_PSI, DRIFT_RECORDS, PERFORMANCE
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.monitoring.counts import Bins, Counts, NumberCounts
from fraud_detection_api.monitoring.drift import drift_of_features
from fraud_detection_api.monitoring.fairness import Decided, fairness
from fraud_detection_api.monitoring.gate import GateLimits
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.schemas.monitoring import comparison_body
from fraud_detection_api.services.observing.observation_store import CountedSlot
from fraud_detection_api.services.reporting.comparison import ComparisonService
from fraud_detection_api.services.reporting.drift import SPANS
from fraud_detection_api.services.reporting.groups import EntityGroups
from fraud_detection_api.services.reporting.monitoring import (
    Maturity,
    MonitoringLimits,
    MonitoringService,
    PerformanceReader,
    tell_drift,
    tell_performance,
)
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.telemetry import utc_text
from support.fakes import InMemoryDecisionStore, InMemoryObservationStore
from support.monitored import (
    DAY_MS,
    HOUR_MS,
    NOW_MS,
    Traffic,
    challenger,
    champion,
    simulated,
    times,
)

LIMITS = MonitoringLimits(0.1, Maturity(30, 30))
GATE = GateLimits()


class IndexedLabels:
    """LabelStore of one label a decision, in a dict: the fake goes through all labels for each decision."""

    def __init__(self, store):
        self._labels = {}

    def record(self, findings):
        self._labels |= {one.about: Label(one.about, *one[1:], one.effective_at) for one in findings}

    def in_force(self, decision_ids):
        return {one: self._labels[one] for one in decision_ids if one in self._labels}


class Kept:
    """Traffic in fakes."""

    def __init__(self, *traffic):
        self.store = InMemoryDecisionStore()
        self.observations = InMemoryObservationStore(self.store)
        self.labels = IndexedLabels(self.store)
        for each in traffic:
            each.save(self.store, self.labels, self.observations)

    def monitoring(self, now=NOW_MS, limits=LIMITS):
        clock = lambda: now / 1000  # noqa: E731
        return MonitoringService(self.store, self.labels, self.observations, limits=limits, clock=clock)

    def comparisons(self, now=NOW_MS, maturity=LIMITS.maturity, limits=GATE):
        clock = lambda: now / 1000  # noqa: E731
        return ComparisonService(self.labels, self.observations, limits=limits, maturity=maturity, clock=clock)


@cache
def matured():
    """Three months of champion and challenger, 6,000 decisions."""
    at = times(6_000, NOW_MS - 90 * DAY_MS, NOW_MS)
    return Kept(Traffic(simulated(6_000, 21), at, 0, [champion(), challenger()]))


def shifted(rows: int, column: str, seed: int) -> pl.DataFrame:
    """Records whose column is half a standard deviation higher, rounded at random where it is whole."""
    frame = simulated(rows, seed)
    half = frame[column].std() / 2
    if frame[column].dtype.is_integer():
        draws = np.random.default_rng(seed).random(rows)
        return frame.with_columns(pl.col(column) + pl.Series(np.floor(half + draws).astype(np.int64)))
    return frame.with_columns(pl.col(column) + half)


def test_windows_hold_what_was_decided_in_them():
    at = np.sort(
        np.concatenate(
            [times(50, NOW_MS - HOUR_MS // 2, NOW_MS), times(70, NOW_MS - DAY_MS // 2, NOW_MS - HOUR_MS * 2)]
        )
    )
    kept = Kept(Traffic(simulated(120, 3), at))
    windows = {window.window: window for window in kept.monitoring().drift(champion())}
    assert [windows[name].records for name in ("hour", "day", "week")] == [50, 120, 120]
    assert sum(windows["day"].outcomes.values()) == 120


def test_a_window_without_records_says_nothing_of_features():
    kept = Kept(Traffic(simulated(50, 3), times(50, NOW_MS - 3 * DAY_MS, NOW_MS - 2 * DAY_MS)))
    hour, day, week = kept.monitoring().drift(champion())
    assert (hour.records, hour.features, day.records, week.records) == (0, {}, 0, 50)


def test_only_the_models_own_decisions_count():
    kept = Kept(Traffic(simulated(50, 3), times(50, NOW_MS - HOUR_MS // 2, NOW_MS)))
    assert kept.monitoring().drift(challenger())[0].records == 0


def test_slots_of_other_bins_are_passed_over():
    kept = Kept(Traffic(simulated(50, 3), times(50, NOW_MS - HOUR_MS // 2, NOW_MS)))
    ours = kept.observations.slots(since=0, seconds=300)[0]
    strange = {
        "rows": 1,
        "features": {},
        "probability": ours.counts["probability"],
        "outcomes": ours.counts["outcomes"],
    }
    digest = champion().bundle.digest
    broken = [CountedSlot(NOW_MS - 300_000 * k, 300, digest, told) for k, told in ((1, strange), (2, {"rows": 3}))]
    before = kept.monitoring().drift(champion())[0].records
    kept.observations.record(1_000_000, broken, [])
    assert 0 < kept.monitoring().drift(champion())[0].records < before


@pytest.mark.parametrize(
    "column", ["number_of_open_accounts", "total_credit_limit", "total_balance", "number_of_accounts_in_arrears"]
)
def test_half_a_standard_deviation_of_any_feature_shows_within_2000_records(column):
    traffic = Traffic(shifted(2_000, column, 31), times(2_000, NOW_MS - 50 * 60_000, NOW_MS))
    assert column in Kept(traffic).monitoring().drift(champion())[0].drifted


@pytest.mark.parametrize("seed", range(40, 60))
def test_200_records_that_did_not_drift_never_alarm(seed):
    traffic = Traffic(simulated(200, seed), times(200, NOW_MS - 50 * 60_000, NOW_MS))
    assert not any(window.drifted for window in Kept(traffic).monitoring().drift(champion()))


def test_the_week_is_told_in_parts():
    frame = pl.concat([simulated(3_000, 22), shifted(1_000, "total_balance", 32)])
    at = np.concatenate([times(3_000, NOW_MS - 7 * DAY_MS, NOW_MS - DAY_MS), times(1_000, NOW_MS - DAY_MS, NOW_MS)])
    trend = Kept(Traffic(frame, at)).monitoring().trend(champion())
    assert 28 <= len(trend) <= 30
    assert trend[-2].psi["total_balance"] > trend[-2].alarm_level["total_balance"]
    assert trend[3].psi["total_balance"] < trend[3].alarm_level["total_balance"]


def test_performance_rests_on_matured_decisions_alone():
    found = matured().monitoring().performance(champion())
    assert found.performance.records == 2_000
    assert found.until == NOW_MS - 30 * DAY_MS
    assert found.labelled == found.performance.frauds > 20
    assert found.performance.measures["roc_auc"].estimate > 0.85


def test_a_label_that_says_legitimate_is_counted_as_such():
    kept = Kept(Traffic(simulated(300, 23), times(300, NOW_MS - 50 * DAY_MS, NOW_MS - 40 * DAY_MS)))
    before = kept.monitoring().performance(champion())
    decided = kept.store.following(DecisionFilter(), limit=300)
    kept.labels.record([Finding(row.decision_id, False, "analyst", NOW_MS) for row in decided])
    after = kept.monitoring().performance(champion())
    assert after.labelled == 300
    assert (before.performance.frauds > 0, after.performance.frauds) == (True, 0)


def test_fairness_is_that_of_the_kept_outcomes_and_the_matured_labels():
    at = times(2_000, NOW_MS - 50 * DAY_MS, NOW_MS - 31 * DAY_MS)
    traffic = Traffic(simulated(2_000, 24), at)
    sexes = np.array(["f", "m", "f"], dtype=object)[np.arange(2_000) % 3]
    traffic.rows[:] = [row._replace(entity=str(number)) for number, row in enumerate(traffic.rows)]
    kept, groups = Kept(traffic), EntityGroups({str(number): number for number in range(2_000)}, {"sex": sexes})
    reader = PerformanceReader(kept.store, kept.labels, LIMITS.maturity, groups=groups)
    _, probabilities, outcomes = traffic.scored[0]
    codes = np.array([OUTCOMES.index(each) for each in outcomes], dtype=np.int8)
    by_hand = fairness(
        {"sex": sexes}, Decided(traffic.frame["is_fraud"].cast(pl.Boolean).to_numpy(), probabilities, codes)
    )
    assert reader.matured(champion(), NOW_MS).fairness == by_hand
    assert by_hand[0]["groups"][0]["rows"] > 1_000


def test_of_too_many_decisions_the_newest_are_measured():
    kept = matured()
    reader = PerformanceReader(kept.store, kept.labels, LIMITS.maturity, most=500)
    found = reader.matured(champion(), NOW_MS)
    assert (found.performance.records, found.complete) == (500, False)
    assert found.since > LIMITS.maturity.since(NOW_MS) + 20 * DAY_MS


def test_fallbacks_and_other_models_decisions_are_not_measured():
    assert matured().monitoring().performance(challenger()).performance.records == 0


def test_performance_is_measured_again_after_five_minutes():
    kept, now = Kept(Traffic(simulated(50, 3), times(50, NOW_MS - 50 * DAY_MS, NOW_MS - 40 * DAY_MS))), [NOW_MS / 1000]
    service = MonitoringService(kept.store, kept.labels, kept.observations, limits=LIMITS, clock=lambda: now[0])
    first = service.performance(champion())
    now[0] += 299
    assert service.performance(champion()) is first
    now[0] += 2
    assert service.performance(champion()) is not first


def test_without_a_store_there_is_nothing_to_say():
    service = MonitoringService(None, None, None, limits=LIMITS)
    for ask in (service.report, service.drift, service.trend, service.performance):
        with pytest.raises(NoStore):
            ask(champion())
    with pytest.raises(NoStore):
        ComparisonService(None, None, limits=GateLimits(), maturity=Maturity()).compare(champion(), challenger())


def test_a_comparison_knows_the_truth_of_matured_decisions_alone():
    compared = matured().comparisons().compare(champion(), challenger())
    found = compared.comparison
    assert (found.decisions, found.known) == (4_000, 2_000)
    assert found.latency.champion_us > 0
    body = comparison_body(compared)
    assert (body.decisions, body.models.champion.version) == (4_000, compared.champion.version)
    json.dumps(body.model_dump(), allow_nan=False)


def test_a_better_challenger_passes_and_a_worse_one_is_refused():
    at = times(8_000, NOW_MS - 50 * DAY_MS, NOW_MS - 35 * DAY_MS)
    better = Kept(Traffic(simulated(8_000, 24), at, 0, [champion(), challenger()]))
    assert better.comparisons().verdict(champion(), challenger()).passed
    worse = Kept(Traffic(simulated(8_000, 24), at, 0, [challenger(), champion()]))
    verdict = worse.comparisons().verdict(challenger(), champion())
    assert any("worse than the champion's" in reason for reason in verdict.reasons)


def test_a_better_challenger_whose_policy_approves_everything_is_refused_at_the_champions_costs():
    approving = replace(challenger().bundle.policy, version="2", loss_given_fraud=0.0)
    generous = replace(challenger(), bundle=replace(challenger().bundle, policy=approving))
    at = times(8_000, NOW_MS - 50 * DAY_MS, NOW_MS - 35 * DAY_MS)
    kept = Kept(Traffic(simulated(8_000, 24), at, 0, [champion(), generous]))
    (reason,) = kept.comparisons().verdict(champion(), generous).reasons
    assert reason.startswith("decisions cost more than the champion's, at the champion's costs: +")


def test_the_evidence_names_the_time_that_it_is_of():
    evidence = matured().comparisons().verdict(champion(), challenger()).evidence
    assert evidence[0].startswith("4,000 decisions were compared; the truth of 2,000 is known, ")
    since, until = utc_text(NOW_MS - 60 * DAY_MS), utc_text(NOW_MS - 30 * DAY_MS)
    assert evidence[-1] == f"decisions since {since} count; the truth is taken as known before {until}"


def test_a_challenger_without_traffic_is_told_what_is_missing():
    verdict = (
        Kept(Traffic(simulated(50, 3), times(50, NOW_MS - HOUR_MS, NOW_MS)))
        .comparisons()
        .verdict(champion(), challenger())
    )
    assert verdict.reasons[0] == "0 decisions were compared; 1,000 are needed"
    assert verdict.reasons[-1] == "latency was not measured"


def test_gauges_are_those_of_the_report_and_vanish_with_it():
    tallies, kept = Tallies(), matured()
    tell_drift(kept.monitoring().drift(champion()), tallies)
    tell_performance(kept.monitoring().performance(champion()), tallies)
    told = {(name, labels): value[0] for name, labels, value in tallies.snapshot("observer").series}
    week = kept.monitoring().drift(champion())[2]
    assert told[DRIFT_RECORDS.name, ("week",)] == week.records
    assert told[DRIFT_PSI.name, ("total_balance", "week")] == week.features["total_balance"].psi
    assert (DRIFT_PSI.name, ("fraud_probability", "week")) in told
    assert {labels[1] for name, labels in told if name == PERFORMANCE.name} == {"estimate", "lower", "upper"}
    tell_drift([], tallies)
    assert not [name for name, _, _ in tallies.snapshot("observer").series if name.startswith("fraud_drift")]


@pytest.mark.slow
@pytest.mark.parametrize("an_hour", [200, 2_000, 20_000])
def test_a_month_without_drift_raises_no_alarm_in_any_window(an_hour):
    """Counts drawn from a large undrifted population: as many looks as an observer takes at whole hours."""
    draws, hours = np.random.default_rng(an_hour), 30 * 24
    reference = champion().bundle.reference
    population = Traffic(simulated(60_000, 77), times(60_000, NOW_MS - HOUR_MS, NOW_MS))
    shares = counted_shares(population)
    each_hour = [drawn_counts(shares, draws, an_hour) for _ in range(hours)]
    for hour in range(hours):
        for slots in (1, 24, 168):
            counts = reduce(Counts.merged, each_hour[max(0, hour + 1 - slots) : hour + 1])
            found = drift_of_features(reference, counts, psi_level=0.1, windows=len(SPANS))
            assert not [name for name, feature in found.items() if feature.drifted], (hour, slots)


def counted_shares(population: Traffic) -> Counts:
    """Counts of a large population."""
    _, probabilities, outcomes = population.scored[0]
    everything = np.ones(len(probabilities), dtype=bool)
    return Bins(champion().bundle.reference).count(population.columns, probabilities, outcomes, everything)


def drawn_counts(shares: Counts, draws, records: int) -> Counts:
    """Counts of that many records of the population, feature by feature."""

    def drawn(of: NumberCounts) -> NumberCounts:
        whole = np.array([of.below, *of.counts, of.above, of.missing], dtype=float)
        below, *inner, above, missing = draws.multinomial(records, whole / whole.sum()).tolist()
        return NumberCounts(below, tuple(inner), above, missing)

    features = {name: drawn(counts) for name, counts in shares.features.items()}
    return Counts(records, features, drawn(shares.probability), shares.outcomes)


def test_spans_end_with_the_slot_that_is_being_counted():
    assert [NOW_MS + 1 - span.since(NOW_MS + 1) for span in SPANS] == [
        55 * 60_000 + 1,
        23 * HOUR_MS + 1,
        167 * HOUR_MS + 1,
    ]
