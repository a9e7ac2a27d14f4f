"""Models on the wire."""

import pytest
from pydantic import ValidationError

from fraud_detection_api.schemas.models import PromoteRequest, model_card, model_summary
from fraud_detection_api.services.models.registered import ModelDescription

CARD = {
    "contract": {"name": "credit"},
    "evaluation": {"metrics": {"roc_auc": {"value": 0.94}, "average_precision": {"value": 0.5}}},
}
SOUND = ModelDescription("7", ("champion",), "sha256:ab", "2026-11-22T10:00:00Z", CARD)
DAMAGED = ModelDescription("8", (), problem="model bundle version 8: a digest differs")


def test_a_sound_version_is_summed_up_from_its_card():
    assert model_summary(SOUND).model_dump() == {
        "version": "7",
        "status": "ok",
        "aliases": ["champion"],
        "digest": "sha256:ab",
        "created_at": "2026-11-22T10:00:00Z",
        "contract": "credit",
        "roc_auc": 0.94,
        "average_precision": 0.5,
    }


def test_a_damaged_version_is_listed_with_what_is_known():
    summary = model_summary(DAMAGED)
    assert (summary.version, summary.status) == ("8", "damaged")
    assert (summary.digest, summary.created_at, summary.contract, summary.roc_auc) == (None, None, None, None)


def test_a_card_adds_the_problem_and_the_whole_card():
    assert model_card(SOUND).card == CARD
    assert model_card(SOUND).fault is None
    assert model_card(DAMAGED).fault == DAMAGED.problem


@pytest.mark.parametrize(
    "content", ['{"allow_contract_change": 1}', '{"allow_contract_change": "true"}', '{"force": true}', "[]"]
)
def test_a_promotion_is_asked_for_strictly(content):
    with pytest.raises(ValidationError):
        PromoteRequest.model_validate_json(content)
    assert not PromoteRequest.model_validate_json("{}").allow_contract_change
