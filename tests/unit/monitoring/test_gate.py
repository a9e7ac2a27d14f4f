"""The gate: a better challenger passes, a worse one is refused, and what is missing is named."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fraud_detection_api.monitoring.comparison import Latency, Pairs, Side, compare
from fraud_detection_api.monitoring.gate import GateLimits, judge, requirements
from fraud_detection_api.services.models.aliases import AliasChange, Cause, change_text, parsed_change
from fraud_detection_api.statistics.estimates import Estimate
from unit.monitoring.test_comparison import POLICY, drawn, side

LIMITS = GateLimits()
EVEN = Latency(30.0, 31.0)


def compared(champion, challenger, is_fraud, latency=EVEN):
    return compare(Pairs(side(champion), side(challenger), is_fraud, None), latency=latency)


@cache
def better_comparison():
    is_fraud, worse, better = drawn()
    return compared(worse, better, is_fraud)


def test_a_better_challenger_passes():
    assert judge(better_comparison(), LIMITS).passed


def test_the_same_model_passes():
    is_fraud, _, better = drawn()
    assert judge(compared(better, better, is_fraud), LIMITS).passed


def test_a_worse_challenger_is_refused_with_the_figures():
    is_fraud, worse, better = drawn()
    verdict = judge(compared(better, worse, is_fraud), LIMITS)
    assert not verdict.passed
    assert any(reason.startswith("ROC AUC is worse than the champion's: -0.") for reason in verdict.reasons)
    assert any(reason.startswith("average precision is worse") for reason in verdict.reasons)


def test_without_labels_the_gate_says_what_is_missing():
    is_fraud, worse, better = drawn()
    reasons = judge(compared(worse, better, np.full(len(is_fraud), np.nan)), LIMITS).reasons
    assert reasons == (
        "0 frauds are known among the 0 compared decisions of known truth; 50 are needed",
        "the difference of ROC AUC cannot be measured: too few frauds or other decisions are known",
        "the difference of average precision cannot be measured: too few frauds or other decisions are known",
        "calibration cannot be measured: the truth of no decision is known",
    )


def test_too_little_traffic_is_refused():
    is_fraud, worse, better = drawn(rows=900)
    assert (
        judge(compared(worse, better, is_fraud), LIMITS).reasons[0] == "900 decisions were compared; 1,000 are needed"
    )


def test_what_few_frauds_leave_open_is_not_taken_for_as_good():
    comparison = better_comparison()
    wide = {**comparison.differences, "average_precision": Estimate(0.01, -0.02, 0.04)}
    assert judge(replace(comparison, differences=wide), LIMITS).reasons == (
        (
            "average precision is not shown to be as good as the champion's: +0.0100 (95 % interval -0.0200 to "
            "+0.0400), whose lower end may be -0.01 at the lowest; more known frauds narrow it"
        ),
    )


def test_probabilities_that_are_too_high_are_refused_and_so_is_what_they_cost():
    is_fraud, _, better = drawn()
    calibration, cost = judge(compared(better, better**0.8, is_fraud), LIMITS).reasons
    assert calibration.startswith("calibration is off: frauds are 0.")
    assert cost.startswith("decisions cost more than the champion's")


def test_a_calibration_that_chance_explains_is_not_refused():
    is_fraud, _, better = drawn(rows=1_000)
    comparison = compared(better, better, is_fraud)
    challenger = comparison.challenger
    off = {
        **challenger.measures,
        "observed_to_expected": challenger.measures["observed_to_expected"]._replace(estimate=1.3),
    }
    assert off["observed_to_expected"].lower < 1
    comparison = replace(comparison, challenger=replace(challenger, measures=off))
    assert not any("calibration" in reason for reason in judge(comparison, LIMITS).reasons)


@cache
def approving_all():
    """The better model, with a policy by which a wrong decline costs so much that nobody is declined or reviewed."""
    is_fraud, worse, better = drawn()
    approving = side(better, replace(POLICY, version="2", wrong_decline_cost=1e9, review_cost=1e6))
    assert not approving.outcomes.any()
    return compare(Pairs(side(worse), approving, is_fraud, None), latency=EVEN)


def test_a_better_model_whose_policy_approves_everything_is_refused_although_it_is_cheap_at_its_own_costs():
    money, own = approving_all().money
    assert own.difference.upper < 0
    (reason,) = judge(approving_all(), LIMITS).reasons
    figures = [f"{number:+,.0f}" for number in money.difference]
    assert reason == (
        f"decisions cost more than the champion's, at the champion's costs: {figures[0]} per 1,000 (95 % interval "
        f"{figures[1]} to {figures[2]}) beside {money.champion:,.0f}; at most 0 % more may be shown"
    )


def costing(estimate, lower, upper, champion=1000.0):
    comparison = better_comparison()
    money = comparison.money[0]._replace(champion=champion, difference=Estimate(estimate, lower, upper))
    return replace(comparison, money=(money,))


@pytest.mark.parametrize(
    ("lower", "share", "refused"),
    [(-1, 0.0, False), (0, 0.0, False), (1, 0.0, True), (50, 0.05, False), (51, 0.05, True)],
)
def test_costs_may_rise_by_what_chance_explains_and_by_a_share_of_the_champions(lower, share, refused):
    verdict = judge(costing(60, lower, 200), GateLimits(cost_increase=share))
    assert verdict.passed is not refused


def test_small_costs_are_told_with_their_digits():
    (reason,) = judge(costing(0.25, 0.125, 0.375, champion=12.5), GateLimits(cost_increase=0.001)).reasons
    assert "+0.25 per 1,000 (95 % interval +0.125 to +0.375) beside 12.5; at most 0.1 % more may be shown" in reason


def test_without_labels_nothing_passes_however_loose_the_limits():
    is_fraud, worse, better = drawn()
    comparison = compared(worse, better, np.full(len(is_fraud), np.nan))
    assert comparison.money == ()
    loosest = GateLimits(0, 0, 1.0, 1.0, 1e9, 1e9, 1e9)
    assert "calibration cannot be measured: the truth of no decision is known" in judge(comparison, loosest).reasons


DEFAULTS = (
    "default limits: decisions 1000, frauds 50, roc_auc_loss 0.005, average_precision_loss 0.01, calibration 0.2, "
    "cost_increase 0, latency_ratio 3"
)


def test_what_was_found_is_told_with_its_figures_whether_it_passes_or_not():
    is_fraud, _, _ = drawn()
    for comparison in (better_comparison(), approving_all()):
        found = comparison.differences["roc_auc"]
        compared, roc_auc, precision, calibration, cost, latency, limits = judge(comparison, LIMITS).evidence
        assert (
            compared == f"8,000 decisions were compared; the truth of 8,000 is known, {is_fraud.sum():,.0f} are frauds"
        )
        assert roc_auc == f"ROC AUC {found.estimate:+.4f} ({found.lower:+.4f} to {found.upper:+.4f})"
        assert precision.startswith("average precision +0.")
        assert calibration.startswith("frauds are 1.")
        money = comparison.money[0]
        assert cost.startswith(f"1,000 decisions cost {money.difference.estimate:+,.0f} (")
        assert cost.endswith(f" beside {money.champion:,.0f}, at the champion's costs")
        assert latency == "a record takes 31 µs, the champion's 30 µs"
        assert limits == DEFAULTS


def test_limits_other_than_the_defaults_are_told_first():
    changed, *_, default = judge(better_comparison(), GateLimits(frauds=0, roc_auc_loss=1.0)).evidence
    assert changed == "changed limits: frauds 0, roc_auc_loss 1"
    assert default == (
        "default limits: decisions 1000, average_precision_loss 0.01, calibration 0.2, cost_increase 0, latency_ratio 3"
    )


def test_where_nothing_was_measured_the_evidence_is_that_and_the_limits():
    nothing = compare(Pairs(side([]), side([]), np.array([]), None))
    compared, limits = judge(nothing, LIMITS).evidence
    assert (compared, limits) == ("0 decisions were compared; the truth of 0 is known, 0 are frauds", DEFAULTS)


@pytest.mark.parametrize("latency_ratio", [1.23456e-7, LIMITS.latency_ratio], ids=["all changed", "all but one"])
def test_all_that_a_gate_can_say_is_kept_whole(latency_ratio):
    is_fraud, worse, better = drawn(rows=900)
    slow = compared(better, np.minimum(worse * 9, 1), is_fraud, Latency(1e8, 1e10))
    tiny = 1.23456e-7
    verdict = judge(slow, GateLimits(10**9 + 1, 10**9 + 1, tiny, tiny, tiny, tiny, latency_ratio))
    assert len(verdict.reasons) == 7
    said = (*verdict.reasons, *verdict.evidence, "when its decisions were made")
    quoted = Cause(by='"' * 200, reason='"' * 500, gate="failed", gate_reasons=said, digest="sha256:" + "0" * 64)
    change = AliasChange(0, "champion", "1", "2", quoted)
    assert parsed_change(change_text(change)) == change
    assert len(change_text(change)) < 5000


@pytest.mark.parametrize(
    ("latency", "refused"),
    [(Latency(200, 599), False), (Latency(200, 601), True), (Latency(10, 499), False), (Latency(10, 501), True)],
)
def test_a_slow_challenger_is_refused_unless_it_is_fast_anyway(latency, refused):
    comparison = replace(better_comparison(), latency=latency)
    assert judge(comparison, LIMITS).passed is not refused


def test_latency_that_was_not_measured_does_not_pass():
    assert judge(replace(better_comparison(), latency=None), LIMITS).reasons == ("latency was not measured",)


def test_a_side_can_be_cut():
    assert Side.of(side([0.1, 0.2]), np.array([True, False])).policy is POLICY


def test_a_model_of_defaults_is_judged_in_their_words():
    verdict = judge(compare(Pairs(side([]), side([]), np.array([]), None)), LIMITS, events="defaults")
    told = [*verdict.reasons, verdict.evidence[0]]
    assert any("0 defaults are known" in text for text in told)
    assert not any("fraud" in text for text in told)


def test_requirements_are_the_verdicts_checks_one_by_one():
    is_fraud, worse, better = drawn()
    for comparison in (better_comparison(), compared(better, worse, is_fraud, latency=None)):
        verdict, checked = judge(comparison, LIMITS), requirements(comparison, LIMITS)
        assert [each.check for each in checked] == ["traffic", "ranking", "calibration", "cost", "latency"]
        assert tuple(reason for each in checked for reason in each.reasons) == verdict.reasons
        assert {sentence for each in checked for sentence in each.found} <= set(verdict.evidence)


def test_a_requirement_says_what_the_limits_allow():
    required = {each.check: each.required for each in requirements(better_comparison(), GateLimits(cost_increase=0.1))}
    assert required["traffic"] == "at least 1,000 decisions by both, with 50 known frauds among them"
    assert required["cost"].endswith("over 10 % more than the champion's")
