"""What the page of the policy shows, as values: the policy in force, another one, and both on stored decisions."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from fraud_detection_api.console.figures.measuring import Measurements
from fraud_detection_api.console.figures.money import money_unit
from fraud_detection_api.console.frame import POLICY_PAGE, render
from fraud_detection_api.console.policy.view import PolicyReader
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.policy.consequences import consequences
from fraud_detection_api.report.numbers import number
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.reporting.backtest import Sources
from fraud_detection_api.services.reporting.recent import RecentBacktests
from support.monitored import DAY_MS, NOW_MS, Traffic, champion, simulated, times
from unit.services.reporting.test_monitoring import Kept

VISITOR = Visitor("open", "", "secret")


@pytest.fixture
def reader(registry):
    served = champion()
    deployment = SimpleNamespace(champion=served, contract=served.bundle.contract, policy=served.bundle.policy)
    kept = Kept(Traffic(simulated(3_000, 4), times(3_000, NOW_MS - DAY_MS, NOW_MS)))
    sources = Sources(kept.store, kept.labels, lambda _row: True)
    follower = SimpleNamespace(require=lambda: deployment)
    return PolicyReader(follower, ModelService(registry), RecentBacktests(sources, most=2_500), Measurements())


def test_the_policy_in_force_is_measured_at_its_own_costs(reader, registry):
    view = reader.view({})
    policy, population = champion().bundle.policy, ModelService(registry).population("1")
    assert (view.version, view.new, view.problem) == (policy.version, None, "")
    assert view.current.cost == number(consequences(policy, population).cost)
    assert [row.amount for row in view.thresholds] == ["1,000"]
    assert [(row.review, row.decline) for row in view.thresholds] == [("5.0 %", "75.0 %")]
    assert len(view.plots) == 2


def test_another_policy_is_priced_within_its_capacity_and_both_are_measured_at_its_costs(reader):
    view = reader.view({"review_cost": "20", "reviews_a_day": "30", "records_a_day": "1000"})
    assert float(view.new.reviews_a_day) <= 30
    assert float(view.new.review_price) > 0
    assert view.current.exceeds
    assert view.current.cost != reader.view({}).current.cost
    assert [plot.title for plot in view.plots][2:] == ["Cost of 1,000 records by capacity"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"review_cost": "much"}, "review_cost must be a number from 0 to 1e+15"),
        ({"reviews_a_day": "30"}, "records_a_day: say how many records come in a day"),
        ({"records_a_day": "0"}, "records_a_day must be above 0"),
    ],
)
def test_what_is_no_policy_is_said_beside_the_one_in_force(reader, query, said):
    view = reader.view(query)
    assert view.problem.startswith(said)
    assert view.new is None
    assert view.current is not None


def test_the_newest_decisions_are_tested_when_somebody_asks(reader):
    assert reader.view({"review_cost": "20"}).backtest_state == "offered"
    view = reader.view({"review_cost": "20", "backtest": "yes"})
    assert (view.backtest_state, view.backtest.decisions) == ("measured", "2,500")
    rows = {row.name: row for row in view.backtest.rows}
    assert float(rows["outcome_review"].new.split()[0]) > float(rows["outcome_review"].kept.split()[0])
    low, high = rows["cost"].interval.split(" to ")
    assert float(low.replace(",", "")) < float(rows["cost"].difference.replace(",", "")) < float(high.replace(",", ""))


def test_money_is_in_the_unit_of_the_amount_where_the_contract_has_one(reader):
    assert money_unit(load_contract("demo_payments")) == "EUR"
    assert money_unit(champion().bundle.contract) == "" == reader.view({}).unit


def test_a_page_that_waits_for_the_test_asks_again_by_itself(reader):
    view = reader.view({})
    for state, times_asked in (("waiting", 1), ("offered", 0)):
        page = render(POLICY_PAGE, VISITOR, replace(view, backtest_state=state)).body.decode()
        assert page.count('<meta http-equiv="refresh" content="2">') == times_asked


def test_hostile_numbers_are_text(reader):
    hostile = '"><script>alert(1)</script>'
    page = render(POLICY_PAGE, VISITOR, reader.view({"review_cost": hostile, "x": hostile})).body.decode()
    assert "<script>" not in page
