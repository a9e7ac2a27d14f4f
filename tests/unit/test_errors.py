"""Every expected failure carries its data and says in one line what to do."""

import pytest

from fraud_detection_api import errors
from fraud_detection_api.errors import FieldProblem, FraudError

PLAIN = (
    "MalformedBody",
    "UnsupportedMedia",
    "Unauthenticated",
    "Forbidden",
    "NoChampion",
    "ContractMismatch",
    "ModelNotReady",
)
EXAMPLES = {
    errors.InvalidSetting("FRAUD_PORT", "must be a number"): "FRAUD_PORT: must be a number",
    errors.InvalidContract("a.toml", ["one", "two"]): "contract a.toml: one; two",
    errors.InvalidPolicy("costs.toml", ["one", "two"]): "policy costs.toml: one; two",
    errors.InvalidDataset("a.csv", ["one", "two"]): "a.csv: one; two",
    errors.InvalidRecords([FieldProblem("/0/a", "is required")]): "1 field did not pass; nothing was scored",
    errors.InvalidRecords([FieldProblem("/0", "x")] * 2): "2 fields did not pass; nothing was scored",
    errors.BodyTooLarge(10): "the body is larger than 10 bytes; send fewer records in each request",
    errors.TooManyRecords(3): "more than 3 records in one request; split it, or use `fraud score` for files",
    errors.BodyTooSlow(2.5): "the body did not arrive within 2.5 seconds",
    errors.Overloaded(2): "too many requests are in flight; try again in 2 s",
    errors.UnknownModel("v7"): "no model of that version; `fraud models list` shows what there is",
    errors.CorruptBundle("version 7", "a digest differs"): (
        "model bundle version 7: a digest differs; train or restore it anew"
    ),
    errors.MissingExtra("train", "training"): (
        "training needs the optional extra 'train': pip install 'fraud-detection-api[train]'"
    ),
}


@pytest.mark.parametrize(("error", "text"), EXAMPLES.items(), ids=lambda item: type(item).__name__)
def test_an_error_is_one_line_that_teaches(error, text):
    assert isinstance(error, FraudError)
    assert str(error) == text


@pytest.mark.parametrize("name", PLAIN)
def test_an_error_without_data_says_what_it_is_told(name):
    error = getattr(errors, name)("what to do")
    assert isinstance(error, FraudError)
    assert str(error) == "what to do"


def test_errors_carry_their_data():
    problem = FieldProblem("/0/a", "is required")
    assert errors.InvalidSetting("FRAUD_PORT", "x").name == "FRAUD_PORT"
    assert errors.InvalidContract("a.toml", ["one"]).problems == ("one",)
    assert errors.InvalidDataset("a.csv", ["one"]).source == "a.csv"
    assert errors.InvalidRecords([problem]).problems == (problem,)
    assert errors.Overloaded(2).retry_after_seconds == 2
    assert errors.UnknownModel("v7").version == "v7"
    assert errors.CorruptBundle("version 7", "x").source == "version 7"
    assert errors.MissingExtra("train", "x").extra == "train"
