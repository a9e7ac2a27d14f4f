"""Groups of people from a file of their own, found by the records' ids."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.training.data.groups import load_entity_groups, load_groups

TOML = 'name = "x"\n[id]\nname = "customer"\n[target]\nname = "bad"\n[features.size]\ndtype = "float"\n'
CONTRACT = contract_from_toml(TOML, source="x.toml")


@pytest.fixture
def records(tmp_path) -> Path:
    pl.DataFrame({"customer": [7, 8, 9, 7, None], "size": [1.0] * 5, "bad": [0, 1, 0, 1, 0]}).write_csv(
        tmp_path / "r.csv"
    )
    return tmp_path / "r.csv"


def groups_file(folder: Path, text: str) -> Path:
    (folder / "groups.csv").write_text(text)
    return folder / "groups.csv"


def test_groups_follow_the_records_order_and_unknown_ones_are_missing(records):
    file = groups_file(records.parent, "customer,sex,age\n9,f,30\n7,m,61.5\n5,f,20\n")
    found = load_groups(file, CONTRACT, records=records)
    assert found["sex"].tolist() == ["m", None, "f", "m", None]
    np.testing.assert_array_equal(found["age"], [61.5, np.nan, 30.0, 61.5, np.nan])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("id,sex\n7,m\n", "'customer'"),
        ("customer,sex\n7,m\n7,f\n", r"2 rows \(1, 2\)"),
        ("customer\n7\n", "columns of groups"),
        ("customer,size\n7,1\n", "'size' is a feature"),
        ("customer,sex\n70,m\n", "none of the ids in r.csv"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(records, text, named):
    with pytest.raises(InvalidDataset, match=named):
        load_groups(groups_file(records.parent, text), CONTRACT, records=records)


def test_groups_are_found_by_every_form_in_which_an_entity_may_be_stored(records):
    file = groups_file(records.parent, "customer,sex\n9,f\n,m\n7,m\n")
    found = load_entity_groups(file, CONTRACT, lambda written: [f'"{written}"', f"pseudonym of {written}"])
    assert found.rows == {
        form: at for at, number in ((0, 9), (2, 7)) for form in (f"{number}", f'"{number}"', f"pseudonym of {number}")
    }
    assert found.columns["sex"].tolist() == ["f", "m", "m"]


def test_without_an_id_in_the_contract_no_record_can_be_found(records):
    contract = contract_from_toml(TOML.replace('[id]\nname = "customer"\n', ""), source="x.toml")
    with pytest.raises(InvalidDataset, match=r"\[id\]"):
        load_groups(groups_file(records.parent, "customer,sex\n7,m\n"), contract, records=records)
