"""A registered model in other words: the same scores, under another digest, with documents that were made anew."""

import json

import numpy as np
import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.errors import ContractMismatch, InvalidContract
from fraud_detection_api.model.bundle import FILES, read_bundle
from fraud_detection_api.training.changes import reword
from support.builders import (
    NOW,
    credit_files,
    every_dtype_contract,
    reworded_credit_contract,
    reworded_credit_files,
)
from support.forgery import resealed

FORMER_CARD = json.loads(credit_files()["card.json"]) | {"contract": {"name": "credit", "fingerprint": "sha256:former"}}


def reworded(contract, files=None):
    return reword(files or credit_files(), contract, source="version 1", file="loans.toml", now=NOW)


def test_scores_and_outcomes_stay_and_the_reasons_are_the_new_ones():
    former, new = (read_bundle(files, source="x") for files in (credit_files(), reworded_credit_files()))
    columns = {name: np.linspace(0, 60, 40) for name in former.contract.features}
    for one, other in zip(*(bundle.engine.assess(columns)[:-1] for bundle in (former, new)), strict=True):
        assert one.tobytes() == other.tobytes()
    assert (new.decision_digest, new.contract) == (former.decision_digest, reworded_credit_contract())
    assert new.digest != former.digest


def test_what_changed_is_listed():
    (change,) = reworded(reworded_credit_contract()).changes["changed"]
    assert change["key"] == "features.total_balance.reason.text"
    assert change["after"] == "You owe {value}"


def test_a_model_of_an_earlier_release_gets_card_and_report_anew():
    earlier = resealed(
        credit_files(), card_json=json.dumps(FORMER_CARD).encode(), report_html=b"former", card_md=b"former"
    )
    files = reworded(reworded_credit_contract(), earlier).sealed.files
    assert json.loads(files["card.json"])["contract"]["fingerprint"] == load_contract("credit").fingerprint
    assert load_contract("credit").fingerprint[:19].encode() in files["report.html"]
    same = {name for name in FILES if files[name] == earlier[name]}
    assert set(FILES) - same == {"contract.json", "card.json", "card.md", "report.html"}


def test_another_contract_and_the_same_words_are_refused():
    with pytest.raises(ContractMismatch):
        reworded(every_dtype_contract())
    with pytest.raises(InvalidContract, match="already the wording of version 1"):
        reworded(load_contract("credit"))
