"""What the page Monitoring shows, as values, of simulated traffic that drifted."""

from types import SimpleNamespace

import polars as pl
import pytest

from fraud_detection_api.console.figures.measuring import Measurements
from fraud_detection_api.console.frame import MONITORING_PAGE, render
from fraud_detection_api.console.monitoring.drift import MOST_PLOTS, MOST_SHOWN, drift_view
from fraud_detection_api.console.monitoring.queue import QueueHealth, QueueHealthReader
from fraud_detection_api.console.monitoring.view import MeasureRow, MonitoringReader, PerformanceView, mark_of
from fraud_detection_api.console.quality.view import Share
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.monitoring.drift import SCORE, Bin, FeatureDrift
from fraud_detection_api.services.reporting.drift import WindowDrift
from fraud_detection_api.services.reporting.monitoring import Maturity, MonitoringLimits
from fraud_detection_api.services.reviewing.quality import CheckedWork
from fraud_detection_api.services.reviewing.quality_store import Flow
from fraud_detection_api.services.reviewing.review_store import Length
from fraud_detection_api.statistics.estimates import Estimate
from support.monitored import DAY_MS, NOW_MS, Traffic, champion, simulated, times
from unit.services.reporting.test_monitoring import Kept

VISITOR = Visitor("open", "", "secret")
HEALTH = QueueHealth("3", "1", "2 h 1 min", "12.0", "9.5", "10", True, Share("9", "10", "90 %", "60 % to 98 %"))


def reader_on(kept):
    monitoring = kept.monitoring(limits=MonitoringLimits(0.1, Maturity(1, 30)))
    follower = SimpleNamespace(require=lambda: SimpleNamespace(champion=champion()))
    return MonitoringReader(follower, monitoring, SimpleNamespace(read=lambda capacity: HEALTH), Measurements())


@pytest.fixture(scope="module")
def busy():
    """Four days of traffic in which balances tripled."""
    frame = simulated(6_000, 4).with_columns(pl.col("total_balance") * 3)
    return reader_on(Kept(Traffic(frame, times(6_000, NOW_MS - 4 * DAY_MS, NOW_MS))))


def test_performance_is_that_of_matured_decisions_with_intervals(busy):
    found = busy.view("", patiently=True).performance
    assert found.records == "4,500"
    assert [row.measure for row in found.rows][:3] == ["roc_auc", "average_precision", "recall"]
    low, high = found.rows[0].interval.split(" to ")
    assert float(low) < float(found.rows[0].value) < float(high)


def test_what_drifted_is_named_and_comes_first_after_the_score(busy):
    drift = busy.view("", patiently=True).drift
    assert drift.window == "week"
    assert [each.name for each in drift.shown][:2] == [SCORE, "total_balance"]
    assert drift.shown[1].drifted
    assert "total_balance" in drift.windows[-1].drifted
    assert [each.name for each in drift.features if each.name == "number_of_open_accounts" and each.drifted] == []


def test_another_window_can_be_asked_for(busy):
    assert busy.view("hour", patiently=True).drift.window == "hour"
    assert busy.view("<script>", patiently=True).drift.window == "week"


def test_the_week_is_drawn_in_parts_of_six_hours(busy):
    outcomes, score = busy.view("", patiently=True).trends
    assert [line.kind for line in outcomes.lines] == ["review", "decline"]
    assert len(outcomes.lines[0].dots) == len(score.lines[1].dots) == 17
    assert len(outcomes.x_ticks) >= 2


def test_without_traffic_there_is_a_page_that_says_so():
    view = reader_on(Kept()).view("", patiently=True)
    assert (view.performance.rows, view.drift.window, view.trends) == ((), "", ())
    page = render(MONITORING_PAGE, VISITOR, view).body.decode()
    assert "No decision of this model is old enough" in page
    assert "More decisions go to review than the policy says" in page


def test_while_it_is_measured_the_page_says_so():
    view = SimpleNamespace(version="1", events="frauds", performance=None, drift=None, trends=(), queue=None)
    page = render(MONITORING_PAGE, VISITOR, view).body.decode()
    assert page.count('href="?wait=yes"') == 2
    assert page.count('<meta http-equiv="refresh" content="2">') == 1


@pytest.mark.parametrize(
    ("measure", "low", "high", "mark"),
    [
        ("observed_to_expected", 1.01, 3, "more"),
        ("observed_to_expected", 0.99, 3, ""),
        ("observed_to_expected", 0.2, 0.99, "fewer"),
        ("calibration_slope", 0.5, 0.99, "flat"),
        ("calibration_slope", 1.1, 1.9, "steep"),
        ("roc_auc", 0.5, 0.9, ""),
    ],
)
def test_what_should_be_1_and_surely_is_not_is_marked_in_words(measure, low, high, mark):
    assert mark_of(measure, Estimate((low + high) / 2, low, high)) == mark
    row = MeasureRow(measure, measure, "", "", mark)
    found = PerformanceView("", "", "1", "1", "1", True, (row,), "")
    view = SimpleNamespace(
        version="1", events="frauds", performance=found, drift=drift_view([], ""), trends=(), queue=None
    )
    page = render(MONITORING_PAGE, VISITOR, view).body.decode()
    assert page.count('class="tag no"') == (mark != "")
    assert "http-equiv" not in page


def test_a_store_that_is_away_is_an_error_and_no_empty_page():
    kept = Kept()
    kept.store.error = StoreUnavailable("it is away")
    with pytest.raises(StoreUnavailable):
        reader_on(kept).view("", patiently=True)


@pytest.mark.parametrize(("capacity", "is_behind"), [(None, False), (9.0, True), (10.0, False)])
def test_the_queue_is_behind_if_more_comes_in_than_the_capacity(capacity, is_behind):
    now = 10 * DAY_MS
    lengths = Length(3, now - 60_000), Length(1, now - 7_260_000)
    quality = SimpleNamespace(now=lambda: now, flow=lambda since: Flow(70, 3), work=lambda since: CheckedWork([], {}))
    reader = QueueHealthReader(SimpleNamespace(lengths=lambda: lengths), quality)
    found = reader.read(capacity)
    assert (found.waiting, found.escalated, found.oldest) == ("3", "1", "2 h 1 min")
    assert (found.opened_a_day, found.labelled_a_day, found.is_behind) == ("10", "0.4", is_behind)
    assert found.second == Share("0", "0", "", "")


def feature(name, psi):
    bins = (Bin("low", 50, 40), Bin("high", 50, 60))
    return FeatureDrift(name, 100, 100, psi, 0.01, 0.1, 0.1, 0.2, 0.0, 0.0, 0.0, 0.0, bins)


def test_of_many_features_a_dozen_is_shown_some_are_folded_and_the_others_have_no_plot():
    names = [f"feature_{k}" for k in range(100)]
    window = WindowDrift("week", 0, 100, {}, {name: feature(name, k / 1000) for k, name in enumerate(names)})
    found = drift_view([window], "")
    assert (len(found.shown), len(found.folded)) == (MOST_SHOWN, MOST_PLOTS - MOST_SHOWN)
    assert found.shown[0].name == "feature_99"
    assert all(each.plot is None for each in found.others)
    view = SimpleNamespace(version="1", events="frauds", performance=None, drift=found, trends=(), queue=None)
    assert len(render(MONITORING_PAGE, VISITOR, view).body) < 150_000


def test_names_of_features_and_levels_are_text():
    hostile = "<script>alert(1)</script>"
    moved = FeatureDrift(hostile, 9, 9, 1.0, 0.1, 0.1, None, None, 0, 0, 0, 0, (Bin(hostile, 9, 0), Bin("b", 0, 9)))
    found = drift_view([WindowDrift("week", 0, 9, {}, {hostile: moved})], "")
    view = SimpleNamespace(version=hostile, events=hostile, performance=None, drift=found, trends=(), queue=None)
    assert "<script>" not in render(MONITORING_PAGE, VISITOR, view).body.decode()
