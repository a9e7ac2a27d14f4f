"""Decisions: by the model while there is time, without reasons where there is little, by default where there is none."""

import json
from dataclasses import replace
from uuid import UUID

import pytest

from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.policy.outcomes import OUTCOMES, Policy
from fraud_detection_api.services.deciding.decisions import (
    NEVER,
    RECORDS_AT_A_TIME,
    DecisionService,
    Task,
    review_losses,
    stored_loss,
)
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.telemetry import Stopwatch
from support.builders import credit_files, record
from support.kept import kept

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


def sources(decisions):
    return [decisions.source(index) for index in range(decisions.size)]


def test_a_decision_says_what_the_engine_says(model):
    records = [record(), record(**CALM)]
    said, decisions = model.bundle.engine.assess_records(records), decide(model, records).decisions
    assert decisions.probabilities == said.probabilities.tolist()
    assert (decisions.margins, decisions.risk_scores) == (said.margins.tolist(), said.risk_scores.tolist())
    assert list(decisions.outcomes) == [OUTCOMES[code] for code in said.outcomes]


def test_each_decision_names_record_model_policy_and_time(model):
    decisions = decide(model, [record(customer_id=11)]).decisions
    assert (decisions.entity_ids, decisions.decided_at, sources(decisions)) == ([11], 1_795_341_600_123, ["model"])
    assert decisions.made_by == ("7", model.bundle.digest, model.bundle.policy.version)
    assert UUID(decisions.ids[0]).version == 7


def test_the_amount_is_the_records_own_where_the_contract_names_one(model):
    contract = model.bundle.contract.model_copy(update={"amount_at_risk": "total_credit_limit"})
    priced = replace(model, bundle=replace(model.bundle, contract=contract, policy=Policy(review_cost=100.0)))
    records = [record(total_credit_limit=limit, total_balance=30) for limit in (1, 10**9)]
    assert decide(priced, records).decisions.outcomes == ["approve", "review"]


def test_approving_what_goes_to_review_is_expected_to_cost_its_probability_times_its_amount(model):
    contract = model.bundle.contract.model_copy(update={"amount_at_risk": "total_credit_limit"})
    policy = Policy(review_cost=100.0, loss_given_fraud=0.5)
    priced = replace(model, bundle=replace(model.bundle, contract=contract, policy=policy))
    records = [record(total_credit_limit=limit, total_balance=30) for limit in (1, 10**9)]
    decisions = decide(priced, records).decisions
    losses = review_losses(priced, decisions, records)
    assert losses == {decisions.ids[1]: decisions.probabilities[1] * 0.5 * 10**9}
    made_by = {"model_digest": priced.bundle.digest, "policy_version": policy.version}
    sent = {"record": json.dumps(records[1]), "fraud_probability": decisions.probabilities[1]}
    assert stored_loss(priced, kept(1, **made_by, **sent)) == losses[decisions.ids[1]]
    assert stored_loss(priced, kept(1, **sent)) is None
    assert stored_loss(priced, kept(1, **made_by, **{**sent, "record": None})) is None


def test_a_fallback_has_no_expected_loss(model):
    decisions = decide(model, [record()], deadline=-1.0).decisions
    assert (decisions.outcomes, review_losses(model, decisions, [record()])) == (["review"], {})


def test_each_decision_has_an_identifier_of_its_own(model):
    assert len(set(decide(model, [record()] * 700, explain=False).decisions.ids)) == 700


def test_reasons_are_given_only_where_they_are_asked_for(model):
    asked, unasked = (decide(model, [record()], explain=explain) for explain in (True, False))
    assert asked.explanations == "given"
    assert asked.decisions.reasons[0]
    assert (unasked.explanations, unasked.decisions.reasons) == ("not_asked", [None])


def test_reasons_of_an_adverse_outcome_push_towards_fraud(model):
    decisions = decide(model, [record()]).decisions
    assert decisions.outcomes != ["approve"]
    assert {reason["direction"] for reason in json.loads(decisions.reasons[0])} == {"increases_risk"}


def test_no_records_have_no_decisions(model):
    assert decide(model, []).decisions.size == 0


def test_many_records_are_explained_as_each_is_alone(model):
    records = [record(total_balance=100 * number) for number in range(RECORDS_AT_A_TIME + 2)]
    reasons = decide(model, records).decisions.reasons
    for index in (0, RECORDS_AT_A_TIME - 1, RECORDS_AT_A_TIME, RECORDS_AT_A_TIME + 1):
        assert [reasons[index]] == decide(model, [records[index]]).decisions.reasons


def test_explanations_are_dropped_first(model):
    decided = decide(model, [record()], deadline=1.0, clock=Clock(0, 0, 0.99995))
    assert decided.explanations == "dropped"
    assert (sources(decided.decisions), decided.decisions.reasons) == (["model"], [None])


def test_all_records_are_scored_before_any_is_explained(model):
    records = [record()] * (RECORDS_AT_A_TIME + 1)
    after_the_first_explanations = Clock(0, 0, 0, 0, 0, 0.99995)
    decided = decide(model, records, deadline=1.0, clock=after_the_first_explanations)
    assert set(sources(decided.decisions)) == {"model"}
    assert decided.explanations == "partial"
    assert [reasons is None for reasons in decided.decisions.reasons] == [False] * RECORDS_AT_A_TIME + [True]


def test_a_decision_keeps_its_explanation_when_that_runs_late(model):
    decisions = decide(model, [record()], deadline=1.0, clock=Clock(0, 0, 0, 5)).decisions
    assert sources(decisions) == ["model"]
    assert decisions.reasons[0]


def test_past_the_deadline_the_outcome_is_the_fallback_and_says_so(model):
    decisions = decide(model, [record(customer_id=5)], deadline=1.0, clock=Clock(2), fallback="decline").decisions
    assert (sources(decisions), decisions.outcomes, decisions.entity_ids) == (["fallback"], ["decline"], [5])
    assert (decisions.probabilities, decisions.risk_scores, decisions.reasons) == ([None], [None], [None])


def test_a_score_that_came_too_late_is_not_given(model):
    decisions = decide(model, [record()], explain=False, deadline=1.0, clock=Clock(0, 2)).decisions
    assert sources(decisions) == ["fallback"]


def test_what_was_scored_in_time_keeps_the_models_outcome(model):
    late_after_the_first = Clock(0, 0, 2)
    records = [record()] * (RECORDS_AT_A_TIME + 1)
    decisions = decide(model, records, explain=False, deadline=1.0, clock=late_after_the_first).decisions
    assert sources(decisions) == ["model"] * RECORDS_AT_A_TIME + ["fallback"]


def test_how_long_explanations_take_is_learned(model):
    slow = service(Clock(*[1.0] * 200))
    assert slow.decide(Task(model, True, 1e9, Stopwatch()), [record()]).explanations == "given"
    hurried = slow.decide(Task(model, True, slow._clock.now + 3.05, Stopwatch()), [record()])
    assert hurried.explanations == "dropped"


def test_the_stages_are_timed(model):
    watch = Stopwatch()
    service().decide(Task(model, True, NEVER, watch), [record()])
    assert list(watch.stages) == ["encode", "score", "explain"]
