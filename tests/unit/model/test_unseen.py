"""Levels that a model does not know are found among few and many records, and matter where others would not be approved."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.contract.encoding import LevelCodes
from fraud_detection_api.decision.decided import UNSEEN_MISSING, Unseen
from fraud_detection_api.errors import CorruptBundle
from fraud_detection_api.model.bundle import Bundle, read_bundle
from fraud_detection_api.model.engine import ROWS_TRIED
from fraud_detection_api.model.unseen import MOST_TRIED, UnseenLevels
from fraud_detection_api.policy.outcomes import OUTCOMES
from support.builders import every_dtype_files, levels_files
from support.forgery import resealed

MISSING = partial(Unseen, requires_review=False, code=UNSEEN_MISSING)
REVIEWED, FLAGGED = partial(Unseen, requires_review=True), partial(Unseen, requires_review=False)


def payment(channel, colour="red", amount=50.0):
    return {"payment": "P", "amount": amount, "channel": channel, "colour": colour}


RECORDS = [payment("WEB"), payment("SHOP"), payment("shop"), payment(None), payment("SHOP", "green"), payment("", "x")]
UNSEEN = {
    2: (REVIEWED("channel"),),
    3: (MISSING("channel"),),
    4: (FLAGGED("colour"),),  # with the only other colour, it would be approved too
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
    assert was.unseen == {
        row: tuple(each._replace(requires_review=False) for each in warnings) for row, warnings in UNSEEN.items()
    }
    assert outcomes_of(was)[2] == "approve"
    assert np.array_equal(was.margins, bundle.engine.assess_records(RECORDS).margins)


@pytest.mark.parametrize("beside", [0, 200], ids=["few", "many"])
def test_a_missing_value_is_said_where_training_had_none(beside):
    bundle = bundle_of()
    assert bundle.never_missing == ("channel",)
    engine = replace(bundle.engine, never_missing=("amount", "channel"))
    records = [payment("WEB", amount=None), payment(None, amount=None)] + [payment("WEB")] * beside
    expected = {0: (MISSING("amount"),), 1: (MISSING("channel"), MISSING("amount"))}
    columns = columns_from_records(bundle.contract, records)
    assert engine.assess_records(records).unseen == engine.assess(columns).unseen == expected
    assert np.array_equal(engine.assess(columns).outcomes, bundle.engine.assess(columns).outcomes)


@pytest.mark.parametrize("beside", [0, 200], ids=["few", "many"])
def test_a_bundle_that_does_not_say_what_was_never_missing_is_silent(beside):
    files = levels_files()
    older = {key: counted for key, counted in json.loads(files["reference.json"]).items() if key != "never_missing"}
    bundle = read_bundle(resealed(files, reference_json=json.dumps(older).encode()), source="test")
    assert bundle.engine.assess_records([payment(None)] + [payment("WEB")] * beside).unseen == {}


def test_missing_parts_of_a_time_are_a_missing_time():
    bundle = read_bundle(every_dtype_files(), source="test")
    times = [name for name, feature in bundle.contract.features.items() if feature.dtype == "datetime"]
    engine = replace(bundle.engine, never_missing=tuple(times))
    told = engine.assess_records([{"channel": "web"}]).unseen[0]
    assert [each.field for each in told if each.code == UNSEEN_MISSING] == times


def test_a_reference_that_names_another_column_is_a_corrupt_bundle():
    files = levels_files()
    other = {**json.loads(files["reference.json"]), "never_missing": ["weight"]}
    with pytest.raises(CorruptBundle):
        read_bundle(resealed(files, reference_json=json.dumps(other).encode()), source="test")


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


def test_a_level_does_not_matter_where_the_record_is_approved_with_every_other_one():
    bundle = bundle_of()
    lenient = replace(bundle, policy=replace(bundle.policy, review_cost=500.0))
    assessment = lenient.engine.assess_records(RECORDS)
    assert set(outcomes_of(assessment)) == {"approve"}
    assert assessment.unseen[2] == (FLAGGED("channel"),)


def test_thousands_of_records_are_tried_a_part_at_a_time():
    engine = bundle_of().engine
    unseen = engine.assess_records(RECORDS * (ROWS_TRIED // 2 + 1)).unseen
    assert {row: levels for row, levels in unseen.items() if levels != UNSEEN[row % len(RECORDS)]} == {}
    assert len(unseen) > ROWS_TRIED


@pytest.mark.parametrize(("levels", "worse", "matters"), [(20, 1, True), (21, 1, False), (41, 3, True), (2, 0, False)])
def test_one_in_twenty_levels_is_enough(levels, worse, matters):
    """A category with levels whose numbers stand for few frauds, and others for many."""
    bundle = bundle_of()
    codes = bundle.scorer.encoder.level_codes
    low, high = codes["channel"].levels["SHOP"], codes["channel"].levels["WEB"]
    known = {f"L{n}": (high if n < worse else low) + n * 1e-6 for n in range(levels)}
    encoder = replace(bundle.scorer.encoder, level_codes={**codes, "channel": replace(codes["channel"], levels=known)})
    changed = replace(bundle, scorer=replace(bundle.scorer, encoder=encoder))
    assert changed.engine.assess_records([payment("new")]).unseen[0][0].requires_review == matters


def test_of_many_levels_some_are_tried_at_even_distances():
    encoder = bundle_of().scorer.encoder
    codes = {**encoder.level_codes, "channel": LevelCodes({f"{n}": n / 1000 for n in range(1000)}, 0.5, 0.5)}
    columns, tried = UnseenLevels(replace(encoder, level_codes=codes)).tried("channel")
    assert (tried.shape, tried[0], tried[-1]) == ((MOST_TRIED, 1), 0, np.float32(0.999))
    assert np.ptp(np.diff(tried[:, 0])) < 0.0015
    assert columns == [encoder.column_names.index("channel")]


def test_a_level_is_tried_with_its_frequency():
    encoder = bundle_of().scorer.encoder
    records = LevelCodes({"a": 3.0, "b": 1.0}, 0.0, 0.0)
    codes = {**encoder.level_codes, "channel": LevelCodes({"a": 0.5, "b": 0.25}, 0.5, 0.5, records)}
    counted = replace(encoder, level_codes=codes)
    columns, tried = UnseenLevels(counted).tried("channel")
    assert [counted.column_names[column] for column in columns] == ["channel", "channel.records"]
    assert tried.tolist() == [[0.25, 1.0], [0.5, 3.0]]
