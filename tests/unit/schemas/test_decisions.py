"""Decisions on the wire have the fields that contracts keep free for them."""

from pydantic_core import from_json, to_json

from fraud_detection_api.contract.declaration import DECISION_FIELDS
from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.decision.decided import Decisions, MadeBy, Unseen, warnings_text
from fraud_detection_api.schemas.decisions import (
    DecisionBody,
    DecisionsBody,
    ReasonBody,
    decision_texts,
    decisions_body,
)


def test_the_fields_of_a_decision_are_those_that_no_id_is_named_after():
    assert tuple(DecisionBody.model_fields) == DECISION_FIELDS


IDENTIFIED = """
name = "n"
[id]
name = 'the "id"'
dtype = "str"
[target]
name = "t"
[features.a]
dtype = "int"
"""
REASONS = to_json(
    [
        ReasonBody(
            rank=1,
            code="A",
            feature="a",
            value=1.5,
            direction="increases_risk",
            contribution_log_odds=0.5,
            description="d",
        )
    ]
).decode()


def test_the_answer_is_the_json_that_a_library_makes_of_it():
    contract = contract_from_toml(IDENTIFIED, source="n")
    decisions = Decisions(
        ids=["017f22e2-79b0-7cc3-98c4-dc0c0c07398f"] * 3,
        entity_ids=['a"b', "c,d", "é"],
        outcomes=["approve", "decline", "review"],
        margins=[0.5, 1e-7, None],
        probabilities=[0.1 + 0.2, 1e-7, None],
        risk_scores=[0, 1000, None],
        reasons=[REASONS, "[]", None],
        warnings=[None, warnings_text([Unseen("a", requires_review=True)]), None],
        by_model=2,
        made_by=MadeBy('7"', "sha256:9", "3"),
        decided_at=1_795_341_600_123,
    )
    body = decisions_body(decision_texts(decisions, contract), "partial").encode()
    assert to_json(from_json(body)) == body
    found = DecisionsBody.model_validate_json(body)
    assert [each.fraud_probability for each in found.decisions] == [0.1 + 0.2, 1e-7, None]
    assert [each.risk_score for each in found.decisions] == [0, 1000, None]
    assert [each.outcome for each in found.decisions] == ["approve", "decline", "review"]
    assert [each.decision_source for each in found.decisions] == ["model", "model", "fallback"]
    assert [each.model and each.model.version for each in found.decisions] == ['7"', '7"', None]
    assert [each.reasons and each.reasons[0].code for each in found.decisions] == ["A", [], None]
    assert [[warning.field for warning in each.warnings] for each in found.decisions] == [[], ["a"], []]
    assert ["warnings" in each for each in from_json(body)["decisions"]] == [False, True, False]
    assert [each['the "id"'] for each in from_json(body)["decisions"]] == ['a"b', "c,d", "é"]


def test_no_decisions_are_an_empty_array():
    decisions = Decisions([], [], [], [], [], [], [], [], 0, MadeBy("7", "d", "3"), 0)
    assert from_json(decisions_body(decision_texts(decisions, load_contract("credit")), "not_asked"))["decisions"] == []
