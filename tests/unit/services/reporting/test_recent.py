"""A policy on the newest decisions: the same counts as a backtest of all of them, up to a limit."""

import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.errors import NoStore
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.reporting import recent
from fraud_detection_api.services.reporting.backtest import Period, Sources, backtest
from fraud_detection_api.services.reporting.recent import RecentBacktests
from fraud_detection_api.services.workers.pool import ThisProcess
from support.monitored import DAY_MS, NOW_MS, Traffic, simulated, times
from unit.services.reporting.test_monitoring import Kept

CREDIT, POLICY = load_contract("credit"), Policy(review_cost=20.0)


@pytest.fixture(scope="module")
def sources():
    kept = Kept(Traffic(simulated(1_200, 4), times(1_200, NOW_MS - DAY_MS, NOW_MS)))
    return Sources(kept.store, kept.labels, lambda _row: True)


def test_all_decisions_are_counted_as_a_backtest_of_all_counts_them(sources, monkeypatch):
    monkeypatch.setattr(recent, "ROWS_AT_A_TIME", 500)
    whole = backtest(
        lambda: sources, POLICY, contract=CREDIT, period=Period(0), workers=ThisProcess(), report=lambda *_: None
    )
    found = RecentBacktests(sources).test(POLICY, CREDIT)
    assert found.decisions == 1_200
    assert found.as_json()["outcomes"] == whole.as_json()["outcomes"]
    assert (found.first, found.last, found.frauds) == (whole.first, whole.last, whole.frauds)


def test_no_more_than_the_newest_are_read(sources):
    found = RecentBacktests(sources, most=700).test(POLICY, CREDIT)
    assert found.decisions == 700
    assert found.last == NOW_MS - 1
    assert found.first > NOW_MS - DAY_MS


def test_without_a_store_nothing_can_be_tested():
    with pytest.raises(NoStore):
        RecentBacktests(None).test(POLICY, CREDIT)
