"""A history feature stands in the record, and is a number like any other for what describes and explains a model."""

import json

import numpy as np

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.contract.encoding import Encoder, LevelCodes
from fraud_detection_api.model.reasons import Reasoner
from fraud_detection_api.model.reference import Training, golden_difference, golden_rows, reference_histograms
from fraud_detection_api.model.unseen import UnseenLevels
from support.payments import payments_contract

CONTRACT = payments_contract()
ENCODER = Encoder(CONTRACT, {"channel": LevelCodes({"web": 0.25}, unseen=0.5, missing=0.75)})
RECORDS = [
    {"amount": 10.0, "instalments": 1, "is_night": False, "channel": "web", "payments_1d": float(count)}
    for count in range(30)
]
COLUMNS = columns_from_records(CONTRACT, RECORDS)


def reference():
    training = Training(lambda _name: np.zeros(len(RECORDS)), np.arange(len(RECORDS)) % 5 == 0)
    return reference_histograms(CONTRACT, COLUMNS, np.full(len(RECORDS), 0.1), training)


def test_a_reason_has_the_record_s_value_and_the_contract_s_words():
    contributions = np.zeros((1, len(ENCODER.column_names)))
    contributions[0, ENCODER.column_names.index("payments_1d")] = 1.0
    matrix = ENCODER.encode(columns_from_records(CONTRACT, RECORDS[3:4]))
    reasoner = Reasoner(CONTRACT, ENCODER.column_names)
    ([reason],) = [json.loads(text) for text in reasoner.texts(contributions, RECORDS[3:4], matrix, np.array([True]))]
    assert (reason["code"], reason["value"]) == ("MANY_PAYMENTS", 3)
    assert reason["description"] == "3 payments in a day"


def test_the_reference_and_the_golden_rows_have_history():
    counted = reference()
    assert list(counted["features"]) == [*CONTRACT.features, *CONTRACT.history]
    assert sum(counted["features"]["payments_1d"]["counts"]) == len(RECORDS)
    assert counted["features"]["mean_amount_7d"]["missing"] == len(RECORDS)

    def score(columns):
        matrix = np.nan_to_num(ENCODER.encode(columns))
        return matrix.sum(axis=1), matrix.sum(axis=1).astype(np.float64)

    golden = golden_rows(CONTRACT, counted, score)
    assert {*CONTRACT.history} <= golden["columns"].keys()
    assert golden_difference(golden, score) is None


def test_history_that_is_away_is_a_missing_value_that_training_never_had():
    never_missing = reference()["never_missing"]
    assert "payments_1d" in never_missing
    assert "mean_amount_7d" not in never_missing
    away = [{**RECORDS[0], "payments_1d": None, "opened_at": None}]
    matrix = ENCODER.encode(columns_from_records(CONTRACT, away))
    found = UnseenLevels(ENCODER, ["payments_1d"]).in_records(away, matrix)
    assert [unseen.field for unseen in found[0]] == ["payments_1d"]
