"""Another policy is another version of the model: the same scores, priced on the model's own evidence."""

import json

import numpy as np
import pytest

from fraud_detection_api.errors import CorruptBundle, InvalidPolicy
from fraud_detection_api.model.bundle import FILES, MANIFEST, read_bundle, read_evidence
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.training.policy.change import change_policy
from support.builders import NOW, credit_files
from support.forgery import resealed

TERMS = Policy(review_cost=20, reviews_a_day=30, records_a_day=1000)


def changed(terms=TERMS, files=None):
    return change_policy(files or credit_files(), terms, source="version 1", file="costs.toml", now=NOW)


def test_only_the_policy_and_what_tells_of_it_change():
    files = changed().sealed.files
    same = {name for name in FILES if files[name] == credit_files()[name]}
    assert set(FILES) - same == {"policy.json", "card.json", "card.md", "report.html"}


def test_scores_stay_the_same_to_the_bit_and_the_digest_is_another():
    former, new = (read_bundle(files, source="x") for files in (credit_files(), changed().sealed.files))
    columns = {name: np.linspace(0, 60, 40) for name in former.contract.features}
    assert [a.tobytes() for a in former.scorer.score(columns)] == [a.tobytes() for a in new.scorer.score(columns)]
    assert former.digest != new.digest == changed().sealed.digest


def test_the_policy_is_the_next_version_and_priced():
    policy = read_bundle(changed().sealed.files, source="x").policy
    assert (policy.version, policy.review_cost, policy.reviews_a_day) == ("2", 20, 30)
    assert policy.review_price > 0


def test_reviews_of_the_evidence_stay_within_the_capacity():
    new = changed().new
    assert 20 <= new["expected_reviews_a_day"] <= 30


def test_card_and_report_tell_the_new_policy():
    files = changed().sealed.files
    assert json.loads(files["card.json"])["policy"] == changed().new
    assert b"Version 2 of the policy" in files["card.md"]
    assert b"Version 2 of the policy" in files["report.html"]


def test_the_former_policy_is_told_on_the_same_evidence():
    assert changed().former["version"] == "1"
    assert changed().former["records"] == changed().new["records"]


def test_records_a_day_are_the_former_policy_s_where_none_are_said():
    files = changed().sealed.files
    policy = read_bundle(changed(Policy(reviews_a_day=10), files).sealed.files, source="x").policy
    assert (policy.version, policy.records_a_day) == ("3", 1000)


def test_a_capacity_that_is_left_out_is_none_any_more():
    priced = changed().sealed.files
    policy = read_bundle(changed(Policy(review_cost=20), priced).sealed.files, source="x").policy
    assert (policy.reviews_a_day, policy.review_price, policy.version) == (None, 0, "3")


def test_a_capacity_for_an_unknown_number_of_records_is_refused_by_the_file_s_name():
    with pytest.raises(InvalidPolicy, match=r"^policy costs\.toml: records_a_day: "):
        changed(Policy(reviews_a_day=10))


def test_the_policy_that_the_model_has_already_is_refused():
    with pytest.raises(InvalidPolicy, match="already the policy of version 1"):
        changed(Policy())
    with pytest.raises(InvalidPolicy, match="already the policy of version 1"):
        changed(TERMS, changed().sealed.files)


def test_the_time_is_no_part_of_the_digest():
    later = change_policy(credit_files(), TERMS, source="x", file="y", now=NOW.replace(year=2030)).sealed
    assert later.digest == changed().sealed.digest
    assert json.loads(later.files[MANIFEST])["created_at"] == "2030-11-22T10:00:00Z"


def broken_evidence(**changes):
    evidence = {**json.loads(credit_files()["evidence.json"]), **changes}
    return resealed(credit_files(), evidence_json=json.dumps(evidence).encode())


@pytest.mark.parametrize("cells", [None, {}, [], {"probability": [2], "amount": None, "fraud": [1], "legitimate": [1]}])
def test_a_bundle_whose_cells_cannot_be_is_refused(cells):
    with pytest.raises(CorruptBundle, match=r"evidence\.json"):
        changed(files=broken_evidence(policy=cells))


def test_the_evidence_of_a_bundle_is_cells_of_no_person():
    _evidence, population = read_evidence(credit_files(), source="x")
    assert population.counts.sum() == pytest.approx(4800, abs=2)
    assert population.counts.min() >= 10
