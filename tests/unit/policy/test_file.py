"""A policy file says costs and capacity; a broken one is told by file, key and mend."""

import pytest

from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.policy.file import load_policy
from fraud_detection_api.policy.outcomes import Policy


def written(tmp_path, text, *, encoding="utf-8"):
    path = tmp_path / "costs.toml"
    path.write_bytes(text.encode(encoding))
    return path


def test_keys_left_out_are_the_defaults(tmp_path):
    assert load_policy(written(tmp_path, "review_cost = 12\n")) == Policy(review_cost=12)
    assert load_policy(written(tmp_path, "")) == Policy()


def test_every_key_can_be_said(tmp_path):
    text = "\ufeffloss_given_fraud = 0.8\namount_at_risk = 500\nreview_cost = 4\nwrong_decline_cost = 60\n"
    path = written(tmp_path, text + "reviews_a_day = 40\nrecords_a_day = 9000\n")
    assert load_policy(path) == Policy("1", 0.8, 500, 4, 60, 40, 9000)


BROKEN = {
    "an unknown key": ("review_costs = 1", "review_costs: unknown key; did you mean 'review_cost'?"),
    "a key that is like no other": ("colour = 1", "colour: unknown key; the keys here are loss_given_fraud, amount_"),
    "a version": ('version = "3"', "version: is worked out, not written; remove the key"),
    "a price": ("review_price = 3", "review_price: is worked out, not written; remove the key"),
    "a cost below 0": ("review_cost = -1", "review_cost must be a number from 0 to 1e"),
    "a cost without end": ("review_cost = inf", "review_cost must be a number from 0 to 1e"),
    "a text": ('review_cost = "1"', "review_cost must be a number"),
    "no TOML": ("review_cost = ", "not valid TOML"),
    "a table": ("[review_cost]\na = 1", "review_cost must be a number"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_by_name_and_key(tmp_path, case):
    text, fault = BROKEN[case]
    path = written(tmp_path, text)
    with pytest.raises(InvalidPolicy) as caught:
        load_policy(path)
    assert str(caught.value).startswith(f"policy {path}: ")
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_is_told(tmp_path):
    with pytest.raises(InvalidPolicy, match="no such file"):
        load_policy(tmp_path / "costs.toml")


def test_a_folder_is_told(tmp_path):
    with pytest.raises(InvalidPolicy, match="cannot be read"):
        load_policy(tmp_path)


def test_other_encodings_are_told(tmp_path):
    with pytest.raises(InvalidPolicy, match="not UTF-8"):
        load_policy(written(tmp_path, "# ü\n", encoding="latin-1"))
