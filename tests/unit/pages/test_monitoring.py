"""The page on monitoring: performance first, at most a dozen open plots, whole names of levels, months by the calendar."""

import re

import numpy as np
import pytest

from fraud_detection_api.monitoring.drift import Bin, FeatureDrift
from fraud_detection_api.monitoring.fairness import Decided, fairness
from fraud_detection_api.monitoring.performance import measure
from fraud_detection_api.pages.monitoring import monitoring_html
from fraud_detection_api.pages.monitoring_plots import MOST_LEVELS, drift_levels, shown_levels
from fraud_detection_api.report.document import Plot
from fraud_detection_api.services.reporting.drift import TrendPoint, WindowDrift
from fraud_detection_api.services.reporting.monitoring import MaturedPerformance, MonitoringReport
from support.builders import every_dtype_files
from support.monitored import HOUR_MS, NOW_MS, served
from support.sketches import drawn

NAMES = ["channel", *(f"number {k}" for k in range(9)), "fraud_probability"]


def drift(name: str) -> FeatureDrift:
    bins = (Bin("20000 to 29000", 50, 5), Bin("30000 to 39000", 50, 20))
    return FeatureDrift(name, 25, 100, 0.05, 0.01, 0.1, None, 0.2, 0.0, 0.0, 0.0, 0.0, bins)


def window(name: str) -> WindowDrift:
    return WindowDrift(name, NOW_MS - HOUR_MS, 25, {"approve": 25}, {each: drift(each) for each in NAMES})


@pytest.fixture(scope="module")
def page() -> str:
    stated = np.linspace(0, 1, 200)
    performance = measure(stated > 0.6, stated, np.zeros(200, np.int8))
    channel, outcomes = np.array(["web", "branch"] * 100, dtype=object), np.array([0, 2] * 100, dtype=np.int8)
    by_channel = fairness({"channel": channel}, Decided(stated > 0.6, stated, outcomes))
    matured = MaturedPerformance(NOW_MS - 2 * HOUR_MS, NOW_MS, 200, True, performance, by_channel)
    windows = tuple(map(window, ("hour", "day", "week")))
    figures = dict.fromkeys(NAMES, 0.05), dict.fromkeys(NAMES, 0.1)
    trend = [TrendPoint(NOW_MS - k * 6 * HOUR_MS, 25, {"approve": 25}, *figures) for k in (2, 1)]
    return monitoring_html(
        MonitoringReport(served(every_dtype_files(), "1"), NOW_MS, windows, matured), trend, None
    ).decode()


def test_performance_stands_before_drift(page):
    sections = re.findall(r'<section id="(\w+)"', page)
    assert sections == ["summary", "performance", "fairness", "hour", "day", "week", "trend"]


def test_a_group_below_four_fifths_is_named_in_the_summary(page):
    summary = page[page.index('<section id="summary"') : page.index('<section id="performance"')]
    assert "channel" in summary


def test_a_dozen_plots_are_open_and_the_others_are_folded(page):
    unfolded = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    assert unfolded.count("<figure>") == 12
    assert page.count("<figure>") == 4 * len(NAMES) + 1
    assert page.count("8 more features") == 3


def levels(*names: str, shares=None):
    return [
        {"name": name, "reference": share, "live": share}
        for name, share in zip(names, shares or [0.1] * len(names), strict=True)
    ]


def test_a_level_keeps_its_whole_name():
    data = {"bins": levels("20000 to 29000", "more than 69000"), "drifted": False, "window": "last day"}
    svg = drawn(Plot(drift_levels, "price", data))
    assert "20000 to 29000" in svg
    assert "more than 69000" in svg


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["Apr", "Dec", "Jan", "0"], ["Jan", "Apr", "Dec", "0"]),
        (["friday", "monday", "missing"], ["monday", "friday", "missing"]),
        (["web", "may", "branch"], ["web", "may", "branch"]),
    ],
)
def test_months_and_weekdays_are_in_order_of_the_calendar(given, shown):
    assert [each["name"] for each in shown_levels(levels(*given))] == shown


def test_beyond_a_dozen_levels_the_rarest_are_one():
    shares = [0.01] * 10 + [0.09] * 10
    shown = shown_levels(levels(*(f"level {k}" for k in range(20)), shares=shares))
    assert len(shown) == MOST_LEVELS
    assert shown[-1]["name"] == "8 others"
    assert sum(each["live"] for each in shown) == pytest.approx(1.0)
