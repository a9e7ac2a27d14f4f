"""A policy on kept decisions: outcomes that change, reviews a day and money, counted by hand, with intervals."""

from types import SimpleNamespace

import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.decision.decided import Unseen, warnings_text
from fraud_detection_api.decision.label import Label
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history import pages
from fraud_detection_api.services.reporting import backtest as module
from fraud_detection_api.services.reporting.backtest import Backtest, Period, Sources, backtest
from fraud_detection_api.services.workers.pool import ThisProcess
from support.builders import EVERY_DTYPE
from support.sealed_rows import DAY, NOON, kept_row

CREDIT = load_contract("credit")
WITH_AMOUNT = contract_from_toml('amount_at_risk = "amount_eur"\n' + EVERY_DTYPE, source="x")
ALWAYS = Period(0)
POLICY = Policy(review_cost=10.0, wrong_decline_cost=200.0)


class Store:
    """Rows in a list."""

    def __init__(self, rows):
        self.rows, self.pages = sorted(rows), 0

    def following(self, where, *, limit, after=None):
        self.pages += 1
        return [
            row
            for row in self.rows
            if (after is None or row.decision_id > after)
            and row.decided_at >= where.since
            and (where.until is None or row.decided_at < where.until)
        ][:limit]

    def page(self, where, *, limit):
        return self.following(where, limit=len(self.rows))[::-1][:limit]


class Labels:
    """Labels in force, by decision."""

    def __init__(self, fraud):
        self._labels = {key: Label(key, is_fraud, "analyst", NOON, "", NOON) for key, is_fraud in fraud.items()}

    def in_force(self, decision_ids):
        return {key: self._labels[key] for key in decision_ids if key in self._labels}


def row(number, probability, outcome="approve", contract=CREDIT, **changes):
    given = {"fraud_probability": probability, "outcome": outcome, "contract": contract.record_fingerprint, **changes}
    return kept_row(number, **given)


def run(rows, fraud=(), policy=POLICY, contract=CREDIT, period=ALWAYS, sealed=False):
    told = []
    rows = [Recorder().sealed(row) for row in rows] if sealed else rows
    sources = Sources(Store(rows), Labels(dict(fraud)), Recorder().is_intact)
    test = backtest(
        lambda: sources,
        policy,
        contract=contract,
        period=period,
        workers=ThisProcess(),
        report=lambda *done: told.append(done),
    )
    return SimpleNamespace(test=test, json=test.as_json(), told=told)


def test_outcomes_go_from_what_was_decided_to_what_the_policy_says():
    rows = [row(1, 0.001), row(2, 0.5), row(3, 0.999, "review"), row(4, 0.001, "decline")]
    shown = run(rows).json
    changes = {was: {now: each["decisions"] for now, each in to.items()} for was, to in shown["changes"].items()}
    assert changes == {
        "approve": {"approve": 1, "review": 1, "decline": 0},
        "review": {"approve": 0, "review": 0, "decline": 1},
        "decline": {"approve": 1, "review": 0, "decline": 0},
    }
    assert shown["changed"]["decisions"] == 3
    assert shown["outcomes"] == {
        "kept": {"approve": 2, "review": 1, "decline": 1},
        "new": {"approve": 2, "review": 1, "decline": 1},
    }


def test_money_is_by_the_label_where_there_is_one_and_else_by_the_probability():
    rows = [row(1, 0.4), row(2, 0.4), row(3, 0.4)]
    shown = run(rows, {rows[0].decision_id: True, rows[1].decision_id: False}).json
    assert (shown["decisions"], shown["labelled"], shown["labelled_frauds"]) == (3, 2, 1)
    assert shown["cost"] == {
        "by_labels": {"decisions": 2, "kept": 1000.0, "new": 20.0},
        "by_probabilities": {"decisions": 1, "kept": 400.0, "new": 10.0},
    }
    assert shown["cost_per_1000"]["kept"]["cost"] == pytest.approx(1000 * 1400 / 3, rel=1e-5)
    assert shown["cost_per_1000"]["difference"]["cost"] == pytest.approx(1000 * -1370 / 3, rel=1e-5)


def test_shares_of_each_kind_are_by_the_label_where_there_is_one_and_else_by_the_probability():
    rows = [row(1, 0.4), row(2, 0.4, "decline"), row(3, 0.25, "decline"), row(4, 0.001)]
    shown = run(rows, {rows[0].decision_id: True, rows[1].decision_id: False, rows[3].decision_id: False}).json
    declined = {kind: shown[kind]["decline"] for kind in ("fraud", "legitimate")}
    assert declined["fraud"]["kept"]["share"] == pytest.approx(0.25 / 1.25, rel=1e-5)
    assert declined["legitimate"]["kept"]["share"] == pytest.approx(1.75 / 2.75, rel=1e-5)
    assert (declined["legitimate"]["new"]["share"], declined["legitimate"]["new"]["high"]) == (0, 0)
    assert declined["legitimate"]["difference"]["share"] == -declined["legitimate"]["kept"]["share"]
    assert declined["legitimate"]["kept"]["low"] < 1.75 / 2.75 < declined["legitimate"]["kept"]["high"]


def test_a_kind_without_records_has_no_shares():
    rows = [row(1, 0.4)]
    shown = run(rows, {rows[0].decision_id: False}).json
    assert {each["kept"]["share"] for each in shown["fraud"].values()} == {0}


def test_a_wrong_decline_costs_as_the_label_says():
    rows = [row(1, 0.9, "decline")]
    assert run(rows, {rows[0].decision_id: False}).json["cost"]["by_labels"]["kept"] == 200
    assert run(rows, {rows[0].decision_id: True}).json["cost"]["by_labels"]["kept"] == 0


def test_amounts_are_those_of_the_kept_records():
    rows = [
        row(number, 0.02, contract=WITH_AMOUNT, record=record)
        for number, record in enumerate(['{"amount_eur":100.0}', '{"amount_eur":100000.0}', '{"amount_eur":null}'], 1)
    ]
    shown = run(rows, contract=WITH_AMOUNT).json
    assert shown["outcomes"]["new"] == {"approve": 1, "review": 2, "decline": 0}
    assert shown["cost"]["by_probabilities"]["kept"] == pytest.approx(0.02 * (100 + 100_000 + 1000))


def test_what_cannot_be_looked_at_is_counted_and_left_out():
    rows = [
        row(1, 0.1, contract=WITH_AMOUNT, record='{"amount_eur":1.0}'),
        row(2, None, contract=WITH_AMOUNT, source="fallback"),
        row(3, 0.1, contract=CREDIT),
        row(4, 0.1, contract=WITH_AMOUNT, record=None),
    ]
    shown = run(rows, contract=WITH_AMOUNT).json
    assert shown["decisions"] == 1
    assert shown["left_out"] == {"another_contract": 1, "erased": 1, "fallback": 1}


def test_decisions_that_an_earlier_release_stored_count():
    assert run([row(1, 0.1)._replace(contract=CREDIT.record_fingerprints[1])], sealed=True).json["decisions"] == 1


def test_what_was_changed_since_it_was_kept_is_left_out_whatever_it_says_now():
    honest, changed, retold = row(1, 0.5), row(2, 0.5)._replace(outcome="decline"), row(3, 0.5)._replace(contract="x")
    shown = run([honest, changed, retold]).json
    assert (shown["decisions"], shown["left_out"]) == (1, {"tampered": 2})


def test_an_erased_decision_counts_where_no_amount_decides():
    assert run([row(1, 0.1, record=None)]).json["decisions"] == 1


def test_reviews_a_day_are_of_the_time_between_the_first_decision_and_the_last():
    rows = [row(n, 0.5, at=NOON + n * DAY) for n in range(5)]
    shown = run(rows).json
    assert shown["days"] == 4
    assert shown["reviews_a_day"]["kept"]["reviews"] == 0
    assert shown["reviews_a_day"]["new"]["reviews"] == 1.25
    assert shown["reviews_a_day"]["difference"]["reviews"] == 1.25


def test_only_decisions_of_the_period_are_looked_at():
    rows = [row(n, 0.5, at=NOON + n * DAY) for n in range(5)]
    assert run(rows, period=Period(NOON + DAY, NOON + 3 * DAY)).json["decisions"] == 2


def test_without_a_decision_there_is_nothing_to_tell():
    shown = run([]).json
    assert (shown["decisions"], shown["left_out"]) == (0, {})
    assert "changes" not in shown


def test_a_single_decision_has_intervals_that_are_numbers():
    shown = run([row(1, 0.5)]).json
    assert shown["cost_per_1000"]["new"] == {"cost": 10_000, "low": 0, "high": 10_000}


def test_pages_of_any_length_give_the_same_sums_and_intervals(monkeypatch):
    rows = [row(n, (n * 7919 % 101) / 101) for n in range(57)]
    whole = run(rows)
    monkeypatch.setattr(pages, "PAGE", 10)
    monkeypatch.setattr(module, "ROWS_AT_A_TIME", 4)
    paged = run(rows)
    assert len(paged.told) >= 6
    assert paged.told == sorted(paged.told)
    assert paged.told[-1] == (1, 57)
    assert paged.json == whole.json


def test_memory_does_not_grow_with_the_decisions():
    few, many = (run([row(n, 0.3) for n in range(count)]).test for count in (10, 1000))
    assert [each.drawn.nbytes + each.sums.nbytes for each in (few, many)] == [400 * 20 * 8 + 160] * 2


def test_the_same_seed_gives_the_same_intervals_and_another_does_not():
    rows = [row(n, (n * 7919 % 101) / 101) for n in range(200)]
    assert run(rows).json == run(rows).json
    other = Backtest(POLICY, None, seed=1)
    other.add(rows, {})
    assert other.as_json()["changed"] != run(rows).json["changed"]


def test_intervals_are_as_wide_as_theory_has_them():
    """The number of reviews of n independent decisions with share p has a standard error of sqrt(n p) where n varies too."""
    rows = [row(n, 0.5 if n % 4 == 0 else 0.001) for n in range(4000)]
    each = run(rows).json["changes"]["approve"]["review"]
    assert each["decisions"] == 1000
    assert (each["high"] - each["low"]) / 2 == pytest.approx(1.96 * 1000**0.5, rel=0.15)


def test_what_does_not_change_has_no_interval():
    each = run([row(n, 0.001) for n in range(100)]).json["cost_per_1000"]["difference"]
    assert each == {"cost": 0, "low": 0, "high": 0}


@pytest.mark.parametrize(("requires", "now"), [(True, "review"), (False, "approve")])
def test_another_policy_does_not_approve_what_an_unseen_level_keeps_from_it(requires, now):
    warnings = warnings_text([Unseen("channel", requires_review=requires)])
    found = run([row(1, 0.001, "review", warnings=warnings)]).json
    assert found["outcomes"]["new"] == {"approve": 0, "review": 0, "decline": 0} | {now: 1}
