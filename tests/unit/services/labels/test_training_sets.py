"""Kept records and the labels in force on them, as a file that training takes."""

from datetime import UTC, datetime

import polars as pl
import pytest

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import InvalidContract, InvalidSetting, NothingToExport
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels import training_sets as training_set
from fraud_detection_api.services.labels.training_sets import TrainingSetExporter
from fraud_detection_api.tables.files import read_file
from fraud_detection_api.training.data.load import load_dataset
from support.builders import (
    EVERY_DTYPE,
    OVERDRAWN,
    every_dtype_contract,
    registry_with_champion,
    reworded_credit_contract,
)
from support.labelling import DAY, NOON, kept

CREDIT = load_contract("credit")
PSEUDONYMS = Recorder(pseudonym_key=b"k" * 32)


class Exporting:
    """A store, what is in it, and exports of it."""

    def __init__(self, folder) -> None:
        self.database = SqliteDatabase(folder / "decisions.db", timeout_seconds=5)
        self.store = SqlDecisionStore(self.database, idempotency_seconds=1)
        self.store.migrate()
        self.labels = SqlLabelStore(self.database, wall_clock=lambda: (NOON + 9 * DAY) / 1000)
        self.target = folder / "labelled.parquet"

    def keep(self, *decisions):
        self.store.save([StoredRequest([decision]) for decision in decisions])

    def label(self, decision, *, is_fraud=True, at=None):
        self.labels.record([Finding(decision.decision_id, is_fraud, "chargeback", at, reviewer="ann")])

    def export(
        self, contract=CREDIT, recorder=None, *, since=NOON, until=NOON + 30 * DAY, assumed_before=None, registry=None
    ):
        exporter = TrainingSetExporter(self.store, self.labels, recorder or Recorder(), contract, registry=registry)
        return exporter.export(self.target, since=since, until=until, assumed_before=assumed_before)

    def table(self) -> pl.DataFrame:
        return pl.read_parquet(self.target)


@pytest.fixture
def exporting(tmp_path):
    exporting = Exporting(tmp_path)
    yield exporting
    exporting.database.close()


def test_records_and_labels_are_joined_in_the_contracts_columns(exporting):
    fraud, legitimate = kept(1), kept(2, at=NOON + 1)
    exporting.keep(fraud, legitimate)
    exporting.label(fraud, at=NOON + 3 * DAY // 2)
    exporting.label(legitimate, is_fraud=False)
    done = exporting.export()
    assert (done.rows, done.fraud, done.legitimate) == (2, 1, 1)
    table = exporting.table()
    assert table.columns == [*OVERDRAWN, CREDIT.target.name, "label_age_days", "label_reviewer"]
    assert table.row(0) == (*{**OVERDRAWN, "customer_id": 1}.values(), 1, 1.5, "ann")
    assert table[CREDIT.target.name].to_list() == [1, 0]


def test_the_label_in_force_is_the_one_that_counts_and_a_record_comes_once(exporting):
    decision = kept(1)
    exporting.keep(decision)
    exporting.label(decision, at=NOON + DAY)
    exporting.label(decision, is_fraud=False, at=NOON + 2 * DAY)
    assert exporting.export().legitimate == 1
    assert exporting.table()["label_age_days"].to_list() == [2.0]


def test_unusable_records_are_left_out_and_counted(exporting):
    good, bare, erased = kept(1), kept(2, at=NOON + 1), kept(3, at=NOON + 2, record=None)
    other = kept(4, at=NOON + 3, contract=every_dtype_contract(), sent={"application": "A"})
    exporting.keep(good, bare, erased, other)
    for decision in (good, other):
        exporting.label(decision)
    done = exporting.export()
    assert (done.rows, done.unlabelled, done.erased, done.other_contract) == (1, 1, 1, 1)


def test_records_that_an_earlier_release_stored_are_exported_under_a_reworded_contract(exporting):
    former = kept(1, contract=CREDIT)._replace(contract=CREDIT.record_fingerprints[1])
    exporting.keep(Recorder().sealed(former))
    exporting.label(former)
    registry = registry_with_champion()
    assert exporting.export(reworded_credit_contract(), registry=registry).rows == 1
    with pytest.raises(NothingToExport):
        exporting.export(reworded_credit_contract())


def test_decisions_outside_the_range_are_not_exported(exporting):
    decisions = [kept(number, at=NOON + number * DAY) for number in range(4)]
    exporting.keep(*decisions)
    for decision in decisions:
        exporting.label(decision)
    exporting.export(since=NOON + DAY, until=NOON + 3 * DAY)
    assert exporting.table()["customer_id"].to_list() == [1, 2]


def test_old_decisions_without_a_label_may_be_taken_for_legitimate(exporting):
    old, labelled, new = kept(1), kept(2, at=NOON + 1), kept(3, at=NOON + 2 * DAY)
    exporting.keep(old, labelled, new)
    exporting.label(labelled)
    done = exporting.export(assumed_before=NOON + 2 * DAY)
    assert (done.fraud, done.assumed_legitimate, done.unlabelled) == (1, 1, 1)
    assert exporting.table().select(CREDIT.target.name).to_series().to_list() == [0, 1]
    assert exporting.table()["label_age_days"][0] is None


def test_more_than_a_page_is_written_whole_and_in_order(exporting, monkeypatch):
    monkeypatch.setattr(training_set, "ROWS_A_PAGE", 3)
    decisions = [kept(number, at=NOON + number) for number in range(10)]
    exporting.keep(*decisions)
    for decision in decisions:
        exporting.label(decision)
    assert exporting.export().rows == 10
    assert exporting.table()["customer_id"].to_list() == list(range(10))


PAYMENT = {
    "application": "A-7",
    "applied_at": datetime(2026, 9, 1, 10, tzinfo=UTC),
    "amount_eur": 1500.25,
    "instalments": 12,
    "is_employed": None,
    "channel": "web",
    "opened_at": datetime(2021, 3, 4, 5, 6, 7, 123456, tzinfo=UTC),
}


def test_values_of_every_dtype_come_back_as_they_were_sent(exporting):
    contract = every_dtype_contract()
    exporting.keep(kept(1, sent=PAYMENT, contract=contract))
    exporting.label(kept(1, sent=PAYMENT, contract=contract))
    exporting.export(contract)
    assert exporting.table().row(0, named=True) == {
        **PAYMENT,
        "outcome": "fraud",
        "label_age_days": 9.0,
        "label_reviewer": "ann",
    }


def test_a_record_without_a_time_gets_that_of_its_decision(exporting):
    contract = every_dtype_contract()
    sent = {name: value for name, value in PAYMENT.items() if name != "applied_at"}
    exporting.keep(kept(1, sent=sent, contract=contract))
    exporting.label(kept(1, sent=sent, contract=contract), is_fraud=False)
    assert exporting.export(contract).untimed == 1
    row = exporting.table().row(0, named=True)
    assert row["applied_at"] == datetime.fromtimestamp(NOON / 1000, UTC)
    assert row["outcome"] == "not fraud"


def test_training_takes_the_file_as_it_is(exporting):
    contract = every_dtype_contract()
    decisions = [
        kept(number, at=NOON + number, sent={**PAYMENT, "application": f"A-{number}"}, contract=contract)
        for number in range(20)
    ]
    exporting.keep(*decisions)
    for number, decision in enumerate(decisions):
        exporting.label(decision, is_fraud=number % 2 == 1)
    exporting.export(contract)
    dataset = load_dataset(exporting.target, contract)
    assert dataset.is_fraud.tolist() == [False, True] * 10
    both = exporting.target.with_name("both.parquet")  # appended to a file with another negative value
    own = exporting.table().with_columns(outcome=pl.col("outcome").replace("not fraud", "legitimate"))
    pl.concat([exporting.table(), own]).write_parquet(both)
    assert load_dataset(both, contract).is_fraud.tolist() == [False, True] * 20


def test_training_takes_texts_that_a_csv_holds_behind_an_apostrophe_as_they_were_sent(exporting):
    contract = every_dtype_contract()
    sent = {**PAYMENT, "application": "=1+1"}
    exporting.keep(kept(1, sent=sent, contract=contract))
    exporting.label(kept(1, sent=sent, contract=contract))
    exporting.target = exporting.target.with_suffix(".csv")
    exporting.export(contract)
    assert pl.read_csv(exporting.target)["application"].to_list() == ["'=1+1"]
    assert read_file(exporting.target)["application"].to_list() == ["=1+1"]


@pytest.mark.parametrize("earlier", [Recorder(), PSEUDONYMS], ids=["kept plain", "kept as pseudonyms"])
def test_with_pseudonyms_an_entitys_records_are_still_known_as_its_own(exporting, earlier):
    decisions = [kept(1, sent=OVERDRAWN, recorder=earlier), kept(2, sent=OVERDRAWN, at=NOON + 1, recorder=PSEUDONYMS)]
    exporting.keep(*decisions)
    for number, decision in enumerate(decisions):
        exporting.label(decision, is_fraud=number == 1)
    exporting.export(recorder=PSEUDONYMS)
    assert exporting.table()["customer_id"].to_list() == [PSEUDONYMS.entity(345435)] * 2
    assert load_dataset(exporting.target, CREDIT).entity.tolist() == [1, 1]


def test_pseudonyms_without_their_key_are_refused(exporting):
    exporting.keep(kept(1, recorder=PSEUDONYMS))
    exporting.label(kept(1))
    with pytest.raises(InvalidSetting, match="FRAUD_PSEUDONYM_KEY: the store holds pseudonyms"):
        exporting.export()
    assert not exporting.target.exists()


def test_changed_rows_are_left_out(exporting):
    honest, changed, emptied = kept(1), kept(2)._replace(record=kept(3).record), kept(4)._replace(record=None)
    exporting.keep(honest, changed, emptied)
    for decision in (honest, changed):
        exporting.label(decision)
    done = exporting.export()
    assert (done.rows, done.tampered, done.erased) == (1, 2, 0)


def test_a_changed_row_without_an_id_does_not_count_as_pseudonymous(exporting):
    honest, changed = kept(1), kept(2)._replace(record="{}")
    exporting.keep(honest, changed)
    for decision in (honest, changed):
        exporting.label(decision)
    done = exporting.export()
    assert (done.rows, done.tampered) == (1, 1)


def test_another_seal_key_exports_nothing(exporting):
    exporting.keep(kept(1))
    exporting.label(kept(1))
    with pytest.raises(NothingToExport) as caught:
        exporting.export(recorder=Recorder(seal_key=b"another"))
    assert caught.value.tampered == 1


def test_without_labels_no_file_is_written_and_the_error_says_why(exporting):
    exporting.keep(kept(1), kept(2, record=None))
    with pytest.raises(NothingToExport) as caught:
        exporting.export()
    error = caught.value
    assert (error.unlabelled, error.other_contract, error.erased) == (1, 0, 1)
    assert list(exporting.target.parent.glob("*.parquet")) == []


def test_a_contract_with_a_column_of_the_exports_name_is_refused(exporting):
    contract = contract_from_toml(EVERY_DTYPE.replace("instalments", "label_age_days"), source="x")
    with pytest.raises(InvalidContract, match="label_age_days is a column of the export"):
        exporting.export(contract)


@pytest.mark.parametrize(
    ("positive", "other"), [("true", False), ("1", 0), ("0", 1), ("2", 1), ("-1", 1), ('"fraud"', "not fraud")]
)
def test_the_target_has_two_values(exporting, positive, other):
    contract = contract_from_toml(EVERY_DTYPE.replace('positive = "fraud"', f"positive = {positive}"), source="x")
    for number in (1, 2):
        decision = kept(number, at=NOON + number, sent=PAYMENT, contract=contract)
        exporting.keep(decision)
        exporting.label(decision, is_fraud=number == 1)
    exporting.export(contract)
    assert exporting.table()["outcome"].to_list() == [contract.target.positive, other]
