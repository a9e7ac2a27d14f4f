"""Where values stand among the training data: nothing is claimed that the counts do not show."""

import json

import numpy as np
import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import CorruptBundle
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.model.placement import Placement
from fraud_detection_api.model.reference import Training, reference_histograms
from support.builders import every_dtype_files
from support.forgery import resealed

CONTRACT = contract_from_toml(
    """
name = "loans"
purpose = "credit"
[target]
name = "bad"
[features.income]
dtype = "float"
[features.arrears]
dtype = "int"
[features.channel]
dtype = "category"
[derived.share]
formula = "arrears / income"
""",
    source="loans",
)
ROWS = 2000
RNG = np.random.default_rng(0)
INCOME = RNG.permutation(np.arange(1.0, ROWS + 1))
ARREARS = np.where(np.arange(ROWS) % 10 == 0, 1.0, 0.0)
CHANNEL = np.array((["web"] * 5 + ["shop"] * 4 + ["phone"]) * (ROWS // 10), dtype=object)
CHANNEL[:10] = "fax"  # fewer than are compared
FRAUD = np.isin(np.arange(ROWS) % 100, [4, 5, 14, 24, 34]) & (CHANNEL != "phone")
COLUMNS = {"income": INCOME, "arrears": ARREARS, "channel": CHANNEL}


def reference():
    training = Training(lambda _name: (ARREARS / INCOME).astype(np.float32), FRAUD)
    return reference_histograms(CONTRACT, COLUMNS, np.linspace(0, 1, 50), training)


def phrase(name, value, raised=True, placement=None):
    edges, phrases, _are_years = (placement or Placement.of(CONTRACT, reference())).numbers[name]
    return phrases[int(np.searchsorted(edges, value, side="right"))][raised]


@pytest.mark.parametrize(
    ("income", "text"),
    [
        (-5, "lower than 99 % of customers"),
        (1, "lower than 95 % of customers"),
        (150, "lower than 90 % of customers"),
        (399, "lower than 80 % of customers"),
        (1601, "higher than 80 % of customers"),
        (1999, "higher than 95 % of customers"),
        (2000, "higher than 95 % of customers"),
        (2001, "higher than 99 % of customers"),
        (401, "a higher risk together with the other details"),
        (1500, "a higher risk together with the other details"),
    ],
)
def test_a_number_is_placed_by_the_shares_below_and_above_it(income, text):
    assert phrase("income", income) == text


@pytest.mark.parametrize("income", INCOME[:60])
def test_what_is_claimed_is_so(income):
    words = phrase("income", income).split()
    if words[0] in ("lower", "higher"):
        beyond = (income < INCOME).mean() if words[0] == "lower" else (income > INCOME).mean()
        assert beyond >= int(words[2]) / 100 - 0.002


def test_a_value_that_most_records_have_is_usual():
    assert phrase("arrears", 0, raised=False) == "a lower risk together with the other details"
    assert phrase("arrears", 1) == "higher than 90 % of customers"


def test_derived_features_are_placed_among_the_training_data_s_and_by_no_older_reference():
    older = {key: counted for key, counted in reference().items() if key not in ("derived", "training", "wording")}
    placement = Placement.of(CONTRACT, older)
    assert phrase("share", 0.001) == "higher than 95 % of customers"
    assert (set(placement.numbers), placement.levels, placement.by_default) == ({"income", "arrears"}, {}, False)


def test_levels_are_compared_with_the_average_where_enough_records_tell():
    levels = Placement.of(CONTRACT, reference()).levels["channel"].known
    assert FRAUD[CHANNEL == "web"].mean() / FRAUD.mean() == pytest.approx(1.6, abs=0.05)
    assert {level: max(phrases, key=len).split(", a")[0] for level, phrases in levels.items()} == {
        "web": "customers with this channel defaulted 59 % more often than the average",
        "shop": "customers with this channel defaulted 52 % less often than the average",
        "phone": "no customer among 199 with this channel defaulted",
        "fax": "only 10 customers with this channel are known",
    }


@pytest.mark.parametrize(
    ("level", "combined"),
    [("web", [True, False]), ("shop", [False, True]), ("phone", [False, True]), ("fax", [True] * 2)],
)
def test_a_level_that_moved_the_risk_against_its_rate_did_so_in_combination(level, combined):
    phrases = Placement.of(CONTRACT, reference()).levels["channel"].known[level]
    assert ["together with the other details" in phrase for phrase in phrases] == combined


def test_a_level_that_training_did_not_have_is_not_compared():
    assert Placement.of(CONTRACT, reference()).levels["channel"].unknown[1].startswith("no other customer")


def test_a_level_that_differs_by_chance_counts_as_the_average():
    counted = reference()
    counted["features"]["channel"]["frauds"]["web"] = round(counted["features"]["channel"]["levels"]["web"] * 0.055)
    known = Placement.of(CONTRACT, counted).levels["channel"].known
    assert known["web"][1] == "a higher risk together with the other details"


def test_a_usual_number_says_how_often_similar_ones_were_fraud_where_that_raised_the_risk():
    counted = reference()
    at = int(np.searchsorted(counted["features"]["income"]["edges"], 1000.0))
    counted["features"]["income"]["frauds"][at] = 50
    similar = "customers with a similar income defaulted 10 times as often as the average"
    value = counted["features"]["income"]["edges"][at]
    placement = Placement.of(CONTRACT, counted)
    assert phrase("income", value, placement=placement) == similar
    together = "a lower risk together with the other details"
    assert phrase("income", value, raised=False, placement=placement) == together


def test_the_first_edition_of_the_wording_has_one_phrase_for_both_directions():
    former = {key: counted for key, counted in reference().items() if key != "wording"}
    placement = Placement.of(CONTRACT, former)
    assert phrase("income", 401, placement=placement) == "about usual, which in combination raises the risk"
    levels = placement.levels["channel"]
    assert levels.unknown is None
    assert levels.known == {
        "web": ("customers with this channel defaulted 1.6 times as often as the average",) * 2,
        "shop": ("customers with this channel defaulted 0.48 times as often as the average",) * 2,
        "phone": ("no customer among 199 with this channel defaulted",) * 2,
    }


def test_a_fraud_model_speaks_of_fraud():
    contract = CONTRACT.model_copy(update={"purpose": "fraud"})
    levels = Placement.of(contract, reference()).levels["channel"]
    assert levels.known["web"][1] == "fraud is 59 % more frequent with this channel than on average"


def test_the_bundle_of_a_training_has_the_counts():
    reference = read_bundle(every_dtype_files(), source="x").reference
    assert set(reference["derived"]) == {"amount_a_month"}
    assert set(reference["features"]["channel"]["frauds"]) == {"branch", "phone", "web"}
    assert reference["training"]["rows"] == sum(
        (*reference["features"]["channel"]["levels"].values(), reference["features"]["channel"]["missing"])
    )


@pytest.mark.parametrize("channel", [{"levels": {}, "missing": 0, "frauds": {"web": 1}}, []])
def test_a_reference_of_another_shape_is_a_corrupt_bundle(channel):
    files = every_dtype_files()
    reference = json.loads(files["reference.json"])
    reference["features"]["channel"] = channel
    with pytest.raises(CorruptBundle):
        read_bundle(resealed(files, reference_json=json.dumps(reference).encode()), source="x")


def test_a_model_of_an_earlier_release_words_its_decisions_as_before():
    files = every_dtype_files()
    older = {
        k: v for k, v in json.loads(files["reference.json"]).items() if k not in ("derived", "training", "wording")
    }
    texts = [
        worded(bundle_files) for bundle_files in (files, resealed(files, reference_json=json.dumps(older).encode()))
    ]
    assert texts == ["amount_eur is 1: lower than 99 % of customers", "amount_eur is 1"]


def worded(files):
    bundle = read_bundle(files, source="x")
    names = bundle.scorer.encoder.column_names
    contributions = np.array([[float(name == "amount_eur") for name in names]])
    matrix = np.zeros((1, len(names)), np.float32)
    (text,) = bundle.reasoner.texts(contributions, [{"amount_eur": 1.0}], matrix, np.array([True]))
    return json.loads(text)[0]["description"]
