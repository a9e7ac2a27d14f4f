"""Levels that a model does not know are found among few and many records, and matter where they moved the score."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.decision.decided import UnseenLevel
from fraud_detection_api.model.bundle import Bundle, read_bundle
from fraud_detection_api.policy.outcomes import OUTCOMES
from support.builders import levels_files

REVIEWED, FLAGGED = partial(UnseenLevel, requires_review=True), partial(UnseenLevel, requires_review=False)


def payment(channel, colour="red", amount=50.0):
    return {"payment": "P", "amount": amount, "channel": channel, "colour": colour}


RECORDS = [payment("WEB"), payment("SHOP"), payment("shop"), payment(None), payment("SHOP", "green"), payment("", "x")]
UNSEEN = {
    2: (REVIEWED("channel"),),
    4: (FLAGGED("colour"),),  # no tree reads a column that never varied
    5: (REVIEWED("channel"), FLAGGED("colour")),
}


def bundle_of(*keys: str) -> Bundle:
    return read_bundle(levels_files(*keys), source="test")


def without_choice(bundle: Bundle) -> Bundle:
    """As one that was trained before there was a choice: its encoding.json does not say what becomes of unseen levels."""
    encoder = bundle.scorer.encoder
    codes = {name: replace(each, reviews_unseen=False) for name, each in encoder.level_codes.items()}
    return replace(bundle, scorer=replace(bundle.scorer, encoder=replace(encoder, level_codes=codes)))


def outcomes_of(assessment) -> list[str]:
    return [OUTCOMES[code] for code in assessment.outcomes.tolist()]


@pytest.mark.parametrize("beside", [0, 200], ids=["few", "many"])
def test_unseen_levels_are_found_in_records_and_columns(beside):
    bundle = bundle_of()
    records = RECORDS + [payment("PHONE", amount=float(number)) for number in range(beside)]
    assessments = (
        bundle.engine.assess_records(records),
        bundle.engine.assess(columns_from_records(bundle.contract, records)),
    )
    for assessment in assessments:
        assert assessment.unseen == UNSEEN
        assert outcomes_of(assessment)[:6] == ["review", "approve", "review", "approve", "approve", "review"]


@pytest.mark.parametrize("beside", [0, 200], ids=["few", "many"])
def test_a_level_that_the_contract_does_not_list_is_unseen_although_it_was_learned(beside):
    engine = bundle_of('["WEB", "SHOP"]', "levels").engine
    unseen = engine.assess_records([payment("PHONE")] + [payment("SHOP")] * beside).unseen
    assert {row: [level.field for level in levels] for row, levels in unseen.items()} == {0: ["channel"]}


def test_a_contract_may_ask_for_no_more_than_a_warning():
    assessment = bundle_of('"flag"').engine.assess_records(RECORDS)
    assert assessment.unseen[2] == (FLAGGED("channel"),)
    assert outcomes_of(assessment)[2] == "approve"


def test_a_model_from_before_there_was_a_choice_warns_alone():
    bundle = bundle_of()
    was = without_choice(bundle).engine.assess_records(RECORDS)
    assert was.unseen == {row: tuple(FLAGGED(level.field) for level in levels) for row, levels in UNSEEN.items()}
    assert outcomes_of(was)[2] == "approve"
    assert np.array_equal(was.margins, bundle.engine.assess_records(RECORDS).margins)


def test_a_bundle_says_what_becomes_of_unseen_levels():
    for keys, reviews in (((), True), (('"flag"',), False), (('"review"',), True), (('"refuse"',), True)):
        assert json.loads(levels_files(*keys)["encoding.json"])["channel"]["reviews_unseen"] is reviews


def test_a_decline_stays_a_decline():
    bundle = bundle_of()
    strict = replace(bundle, policy=replace(bundle.policy, review_cost=1000.0, wrong_decline_cost=1.0))
    assert outcomes_of(strict.engine.assess_records(RECORDS))[2] == "decline"


def test_what_a_model_learned_is_accepted_where_its_contract_refuses_other_levels():
    assert bundle_of('"refuse"').accepted.features["channel"].levels == ("PHONE", "SHOP", "WEB")
    assert bundle_of().accepted == bundle_of().contract
