"""Files of labels into a store."""

import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels import files as label_file
from fraud_detection_api.services.labels.files import LabelImporter
from fraud_detection_api.services.labels.recording import LabelService
from support.builders import every_dtype_contract
from support.fakes import InMemoryLabelStore
from support.happened import happened
from support.labelling import DAY, NOON, kept

FIRST, SECOND = kept(1), kept(2, at=NOON + 1)
NOBODYS = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def importer(*decisions, contract=None, recorder=None, events=()) -> LabelImporter:
    clock = lambda: (NOON + DAY) / 1000  # noqa: E731
    labels = LabelService(
        InMemoryLabelStore(decisions or (FIRST, SECOND), clock, events), recorder or Recorder(), wall_clock=clock
    )
    return LabelImporter(labels, contract or load_contract("credit"))


def csv(folder, *lines):
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def parquet(folder, **columns):
    path = folder / "labels.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path


def counts(done):
    return done.rows, done.recorded, done.repeated, done.unknown.height


def test_a_csv_of_decision_ids_is_recorded(tmp_path):
    into = importer()
    done = into.import_file(
        csv(
            tmp_path,
            "decision_id,is_fraud,source,effective_at,note",
            f"{FIRST.decision_id},true,chargeback,2026-09-21T14:13:20.123Z,card stolen",
            f"{SECOND.decision_id},0,customer,,",
        )
    )
    assert counts(done) == (2, 2, 0, 0)
    [label] = into.labels.history(FIRST.decision_id)
    assert (label.is_fraud, label.source, label.note) == (True, "chargeback", "card stolen")
    assert label.effective_at == NOON + 123
    [label] = into.labels.history(SECOND.decision_id)
    assert (label.is_fraud, label.effective_at, label.note) == (False, NOON + DAY, "")


@pytest.mark.parametrize("name", ["entity_id", "customer_id"])
@pytest.mark.parametrize("recorder", [Recorder(), Recorder(pseudonym_key=b"k" * 32)], ids=["plain", "pseudonyms"])
def test_entities_and_times_are_read_as_the_contract_says(tmp_path, name, recorder):
    decision = kept(7, recorder=recorder)
    into = importer(decision, recorder=recorder)
    done = into.import_file(csv(tmp_path, f"{name},decided_at,is_fraud,source", "7,2026-09-21T14:13:20Z,1,rule"))
    assert counts(done) == (1, 1, 0, 0)
    assert len(into.labels.history(decision.decision_id)) == 1


def test_textual_ids_stay_text(tmp_path):
    contract = every_dtype_contract()
    decision = kept(1, sent={"application": "007"}, contract=contract)
    done = importer(decision, contract=contract).import_file(
        csv(tmp_path, "application,decided_at,is_fraud,source", "007,2026-09-22,1,rule")
    )
    assert counts(done) == (1, 1, 0, 0)


def test_a_parquet_file_with_types_is_recorded(tmp_path):
    moment = pl.Series([NOON + 123, None]).cast(pl.Datetime("ms", "UTC"))
    columns = {"decision_id": [FIRST.decision_id, None], "customer_id": [None, 2], "is_fraud": [True, False]}
    about = pl.Series([None, NOON + 1]).cast(pl.Datetime("ms", "UTC"))
    into = importer()
    done = into.import_file(
        parquet(tmp_path, **columns, source=["rule", "rule"], effective_at=moment, decided_at=about)
    )
    assert counts(done) == (2, 2, 0, 0)
    assert into.labels.history(FIRST.decision_id)[0].effective_at == NOON + 123
    assert len(into.labels.history(SECOND.decision_id)) == 1


def test_events_are_named_by_the_ids_that_their_callers_gave_them(tmp_path):
    lines = (f"{FIRST.decision_id},event-9,1,rule", ", event-7 ,1,rule", ",event-8,1,rule")
    event = happened(7)
    into = importer(events=[event])
    done = into.import_file(csv(tmp_path, "decision_id,event_id,is_fraud,source", *lines))
    assert counts(done) == (3, 2, 0, 1)
    assert done.unknown.row(0) == (None, "event-8", "1", "rule", 3, "no event with that id is stored")
    assert len(into.labels.history(FIRST.decision_id)) == 1
    assert counts(into.import_file(csv(tmp_path, "event_id,is_fraud,source", "event-7,1,rule"))) == (1, 0, 1, 0)


def test_a_row_that_names_neither_a_decision_nor_an_event_is_refused(tmp_path):
    header = "decision_id,event_id,is_fraud,source"
    assert refusal(csv(tmp_path, header, ",,1,rule")) == ["decision_id and event_id are empty: 1 row (1)"]


def test_an_id_of_the_contract_that_is_called_event_id_names_entities(tmp_path):
    text = '[id]\nname = "event_id"\n[target]\nname = "is_fraud"\n[features.amount]\ndtype = "float"\n'
    contract = contract_from_toml(f'name = "events"\n{text}', source="events.toml")
    decision = kept(1, sent={"event_id": 7}, contract=contract)
    path = csv(tmp_path, "event_id,decided_at,is_fraud,source", "7,2026-09-22,1,rule")
    assert counts(importer(decision, contract=contract).import_file(path)) == (1, 1, 0, 0)


def test_a_file_that_is_imported_again_changes_nothing(tmp_path):
    into = importer()
    path = parquet(tmp_path, decision_id=[FIRST.decision_id, SECOND.decision_id], is_fraud=[1, 0], source=["rule"] * 2)
    into.import_file(path)
    assert counts(into.import_file(path)) == (2, 0, 2, 0)


def test_unknown_rows_are_reported_by_their_number_and_the_rest_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(label_file, "ROWS_A_TRANSACTION", 2)
    ids = [FIRST.decision_id, NOBODYS, SECOND.decision_id, NOBODYS]
    done = importer().import_file(parquet(tmp_path, decision_id=ids, is_fraud=[True] * 4, source=["rule"] * 4))
    assert counts(done) == (4, 2, 0, 2)
    assert done.unknown["row"].to_list() == [2, 4]
    assert set(done.unknown["why"]) == {"no decision with that id is stored"}
    assert done.unknown.columns == ["decision_id", "is_fraud", "source", "row", "why"]


def test_reported_unknown_rows_can_be_imported_later(tmp_path):
    path = parquet(tmp_path, decision_id=[FIRST.decision_id], is_fraud=[True], source=["rule"])
    missed = importer(SECOND).import_file(path).unknown
    missed.write_parquet(path)
    assert counts(importer().import_file(path)) == (1, 1, 0, 0)


def refusal(path, into=None) -> list[str]:
    with pytest.raises(InvalidDataset) as caught:
        (into or importer()).import_file(path)
    return list(caught.value.problems)


def test_every_unreadable_row_is_reported_and_nothing_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(label_file, "ROWS_A_TRANSACTION", 2)
    into = importer()
    lines = [
        "decision_id,is_fraud,source,effective_at,note",
        f"{FIRST.decision_id},1,rule,,",
        "abc,1,rule,,",
        f"{NOBODYS},maybe,rule,,",
        f"{NOBODYS},,rule,,",
        f"{NOBODYS},1,police,,",
        f"{NOBODYS},1,rule,soon,",
        f"{NOBODYS},1,rule,2100-01-01,",
        f"{NOBODYS},1,rule,,{'x' * 1001}",
        ",1,rule,,",
    ]
    assert set(refusal(csv(tmp_path, *lines), into)) == {
        "decision_id must be a decision's id, as it was answered: 1 row (2)",
        "is_fraud must be true or false (or 1 and 0): 1 row (3)",
        "is_fraud is empty: 1 row (4)",
        "source must be one of chargeback, analyst, customer, investigation, rule, other: 1 row (5)",
        "effective_at must be ISO 8601 times: 1 row (6)",
        "effective_at must not be in the future: 1 row (7)",
        "note must be at most 1000 characters: 1 row (8)",
        "decision_id is empty: 1 row (9)",
    }
    assert into.labels.history(FIRST.decision_id) == []


def test_texts_that_postgresql_does_not_store_are_reported(tmp_path):
    columns = {"application": ["A\0", "A-1"], "decided_at": ["2026-01-01"] * 2, "is_fraud": [True] * 2}
    path = parquet(tmp_path, **columns, source=["rule"] * 2, note=["", "a\0b"])
    with pytest.raises(InvalidDataset) as caught:
        importer(contract=every_dtype_contract()).import_file(path)
    assert set(caught.value.problems) == {
        "application must not hold the character U+0000: 1 row (1)",
        "note must not hold the character U+0000: 1 row (2)",
    }


def test_entities_that_cannot_be_read_are_reported(tmp_path):
    lines = ["customer_id,decided_at,is_fraud,source", "A-7,2026-01-01,1,rule", ",2026-01-01,1,rule", "7,,1,rule"]
    assert set(refusal(csv(tmp_path, *lines))) == {
        "customer_id must be a whole number: 1 row (1)",
        "customer_id is empty: 1 row (2)",
        "decided_at is empty: 1 row (3)",
    }


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("decision_id,source", "column 'is_fraud' is missing"),
        ("decision_id,is_fraud", "column 'source' is missing"),
        ("is_fraud,source", "column 'decision_id' is missing, or 'event_id', or 'entity_id' and 'decided_at' instead"),
        (
            "customer_id,is_fraud,source",
            "column 'decision_id' is missing, or 'event_id', or 'entity_id' and 'decided_at' instead",
        ),
        ("decision_id,is_fraud,source,effective", "a label has no columns 'effective'; remove them"),
    ],
)
def test_missing_and_unknown_columns_are_reported(tmp_path, header, problem):
    assert refusal(csv(tmp_path, header, ",".join("1" for _ in header.split(",")))) == [problem]


def test_progress_reaches_the_end(tmp_path, monkeypatch):
    shares = []
    into = LabelImporter(importer().labels, load_contract("credit"), shares.append)
    into.import_file(parquet(tmp_path, decision_id=[NOBODYS] * 5, is_fraud=[True] * 5, source=["rule"] * 5))
    assert shares == sorted(shares)
    assert shares[-1] == 1
