"""Decisions on the wire have the fields that contracts keep free for them."""

from fraud_detection_api.contract.declaration import DECISION_FIELDS
from fraud_detection_api.schemas.decisions import DecisionBody


def test_the_fields_of_a_decision_are_those_that_no_id_is_named_after():
    assert tuple(DecisionBody.model_fields) == DECISION_FIELDS
