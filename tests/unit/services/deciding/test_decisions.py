"""Decisions: by the model while there is time, without reasons where there is little, by default where there is none."""

from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.deciding.decisions import NEVER, RECORDS_AT_A_TIME, DecisionService, Task
from fraud_detection_api.services.models.champion import ServedModel
from fraud_detection_api.telemetry import Stopwatch
from support.builders import credit_files, record
from support.scoring import fraud_probabilities

CALM = {"total_balance": 100, "number_of_accounts_in_arrears": 0}


@pytest.fixture(scope="module")
def model():
    return ServedModel("7", read_bundle(credit_files(), source="test"))


class Clock:
    """Stands still, but for `steps` that pass with the calls that are made of it, in order."""

    def __init__(self, *steps: float) -> None:
        self.now, self._steps = 0.0, list(steps)

    def __call__(self) -> float:
        self.now += self._steps.pop(0) if self._steps else 0.0
        return self.now


def service(clock=None, **given) -> DecisionService:
    return DecisionService(
        fallback=given.get("fallback", "review"), clock=clock or Clock(), wall_clock=lambda: 1_795_341_600.1234
    )


def decide(model, records, *, clock=None, explain=True, deadline=NEVER, **given):
    return service(clock, **given).decide(Task(model, explain, deadline, Stopwatch()), records)


def test_a_decision_says_what_the_scoring_route_says(model):
    records = [record(), record(**CALM)]
    decided = decide(model, records)
    assert [decision.fraud_probability for decision in decided.decisions] == fraud_probabilities(model.bundle, records)


def test_each_decision_names_record_model_policy_and_time(model):
    (decision,) = decide(model, [record(customer_id=11)]).decisions
    assert (decision.entity_id, decision.decided_at, decision.source) == (11, 1_795_341_600_123, "model")
    assert (decision.made_by.version, decision.made_by.digest) == ("7", model.bundle.digest)
    assert decision.made_by.policy_version == model.bundle.policy.version
    assert UUID(decision.decision_id).version == 7


def test_outcome_and_risk_score_are_those_of_the_bundles_policy_and_scale(model):
    records = [record(total_balance=balance) for balance in np.linspace(0, 60_000, 50).tolist()]
    for decision in decide(model, records).decisions:
        assert decision.outcome == model.bundle.policy.outcome(decision.fraud_probability)
        assert 0 <= decision.risk_score <= 1000
    scores = [decision.risk_score for decision in decide(model, [record(**CALM), record()]).decisions]
    assert scores == sorted(scores)


def test_the_amount_is_the_records_own_where_the_contract_names_one(model):
    contract = model.bundle.contract.model_copy(update={"amount_at_risk": "total_credit_limit"})
    priced = replace(model, bundle=replace(model.bundle, contract=contract, policy=Policy(review_cost=100.0)))
    small, large = (
        decide(priced, [record(total_credit_limit=limit, total_balance=30)]).decisions[0] for limit in (1, 10**9)
    )
    assert (small.outcome, large.outcome) == ("approve", "review")


def test_each_decision_has_an_identifier_of_its_own(model):
    decided = decide(model, [record()] * 700, explain=False)
    assert len({decision.decision_id for decision in decided.decisions}) == 700


def test_reasons_are_given_only_where_they_are_asked_for(model):
    asked, unasked = (decide(model, [record()], explain=explain) for explain in (True, False))
    assert asked.explanations == "given"
    assert asked.decisions[0].reasons
    assert (unasked.explanations, unasked.decisions[0].reasons) == ("not_asked", None)


def test_reasons_of_an_adverse_outcome_push_towards_fraud(model):
    (decision,) = decide(model, [record()]).decisions
    assert decision.outcome != "approve"
    assert {reason.direction for reason in decision.reasons} == {"increases_risk"}


def test_no_records_have_no_decisions(model):
    assert decide(model, []).decisions == []


def test_explanations_are_dropped_first(model):
    decided = decide(model, [record()], deadline=1.0, clock=Clock(0, 0, 0.99995))
    assert decided.explanations == "dropped"
    (decision,) = decided.decisions
    assert (decision.source, decision.reasons) == ("model", None)


def test_all_records_are_scored_before_any_is_explained(model):
    records = [record()] * (RECORDS_AT_A_TIME + 1)
    after_the_first_explanations = Clock(0, 0, 0, 0, 0, 0.99995)
    decided = decide(model, records, deadline=1.0, clock=after_the_first_explanations)
    assert {decision.source for decision in decided.decisions} == {"model"}
    assert decided.explanations == "partial"
    assert [decision.reasons is None for decision in decided.decisions] == [False] * RECORDS_AT_A_TIME + [True]


def test_a_decision_is_kept_when_its_explanation_runs_late(model):
    (decision,) = decide(model, [record()], deadline=1.0, clock=Clock(0, 0, 0, 5)).decisions
    assert decision.source == "model"
    assert decision.reasons


def test_past_the_deadline_the_outcome_is_the_fallback_and_says_so(model):
    decided = decide(model, [record(customer_id=5)], deadline=1.0, clock=Clock(2), fallback="decline")
    (decision,) = decided.decisions
    assert (decision.source, decision.outcome, decision.entity_id) == ("fallback", "decline", 5)
    assert (decision.fraud_probability, decision.risk_score, decision.reasons) == (None, None, None)
    assert decision.made_by is None


def test_a_score_that_came_too_late_is_not_given(model):
    (decision,) = decide(model, [record()], explain=False, deadline=1.0, clock=Clock(0, 2)).decisions
    assert decision.source == "fallback"


def test_what_was_scored_in_time_keeps_the_models_outcome(model):
    late_after_the_first = Clock(0, 0, 2)
    records = [record()] * (RECORDS_AT_A_TIME + 1)
    decided = decide(model, records, explain=False, deadline=1.0, clock=late_after_the_first)
    assert [decision.source for decision in decided.decisions] == ["model"] * RECORDS_AT_A_TIME + ["fallback"]


def test_how_long_explanations_take_is_learned(model):
    slow = service(Clock(*[1.0] * 200))
    assert slow.decide(Task(model, True, 1e9, Stopwatch()), [record()]).explanations == "given"
    hurried = slow.decide(Task(model, True, slow._clock.now + 3.05, Stopwatch()), [record()])
    assert hurried.explanations == "dropped"


def test_the_stages_are_timed(model):
    watch = Stopwatch()
    service().decide(Task(model, True, NEVER, watch), [record()])
    assert list(watch.stages) == ["encode", "score", "explain"]
