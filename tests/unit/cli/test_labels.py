"""fraud labels …, fraud export …"""

import json
import re
import sqlite3
import time
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import InvalidDataset, NoStore, NothingToExport, UnknownDecision
from support.forgery import resealed
from support.labelling import DAY, kept
from support.refusals import numbers_in, refusal_of

NOBODYS = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
TODAY = int(time.time() * 1000)
DECISIONS = [kept(number, at=TODAY - number * DAY) for number in range(1, 7)]


@pytest.fixture
def store(tmp_path) -> str:
    """A store with six decisions, one to six days old; also where commands look if nothing else is said."""
    database = SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=5)
    decisions = SqlDecisionStore(database, idempotency_seconds=1)
    decisions.migrate()
    decisions.save([StoredRequest([decision]) for decision in DECISIONS])
    decisions.close()
    return f"sqlite:///{tmp_path / 'decisions.db'}"


@pytest.fixture
def labels(tmp_path):
    """A file that labels the first three decisions, and one that nobody made."""
    path = tmp_path / "labels.csv"
    ids = [decision.decision_id for decision in DECISIONS[:3]]
    rows = [f"{one},{int(place == 0)},chargeback" for place, one in enumerate([*ids, NOBODYS])]
    path.write_text("\n".join(["decision_id,is_fraud,source", *rows]))
    return path


def test_import_tells_counts_and_unknown_rows_and_ends_well(fraud, store, labels):
    done = fraud("labels", "import", labels)
    assert (done.exit_code, done.stdout) == (0, "")
    counts, row, left_over = done.stderr.splitlines()
    assert (numbers_in(counts), numbers_in(left_over)) == ([4, 3, 0], [1])
    assert row.startswith("row 4: ")
    assert "--unknown-to" in left_over


def test_import_for_programs(fraud, store, labels):
    fraud("labels", "import", labels, "--store", store)
    told = json.loads(fraud("labels", "import", labels, "--store", store, "--json").stdout)
    [unknown] = told.pop("unknown")
    assert unknown["row"] == 4
    assert told == {"rows": 4, "recorded": 0, "repeated": 3}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_unknown_rows_go_to_a_file_that_can_be_imported(fraud, store, labels, tmp_path, suffix):
    unknown = tmp_path / f"unknown.{suffix}"
    fraud("labels", "import", labels, "--unknown-to", unknown)
    table = pl.read_csv(unknown) if suffix == "csv" else pl.read_parquet(unknown)
    assert table["decision_id"].to_list() == [NOBODYS]
    assert table["row"].to_list() == [4]
    assert fraud("labels", "import", unknown).exit_code == 0


def test_a_file_for_unknown_rows_of_another_kind_is_refused_before_anything_is_recorded(fraud, store, labels):
    assert refusal_of(fraud("labels", "import", labels, "--unknown-to", "unknown.txt")) is InvalidDataset
    assert labels_of(fraud, DECISIONS[0]) == []


def test_the_file_of_labels_is_not_overwritten_by_its_unknown_rows(fraud, store, labels, tmp_path):
    before = labels.read_bytes()
    (tmp_path / "link.csv").symlink_to(labels)
    for same in (labels, tmp_path / "link.csv"):
        done = fraud("labels", "import", labels, "--unknown-to", same)
        assert done.exit_code == 2
        assert "--unknown-to" in done.stderr
    assert labels.read_bytes() == before
    assert labels_of(fraud, DECISIONS[0]) == []


def test_an_unreadable_file_is_refused_in_one_line(fraud, store, tmp_path):
    (tmp_path / "labels.csv").write_text("decision_id,is_fraud,source\nabc,1,rule\n")
    done = fraud("labels", "import", tmp_path / "labels.csv")
    assert refusal_of(done) is InvalidDataset
    assert "1 row (1)" in done.stderr


def test_show_tells_the_history(fraud, store, labels):
    fraud("labels", "import", labels)
    about = DECISIONS[0].decision_id
    told = json.loads(fraud("labels", "show", about, "--json").stdout)
    assert told["decision_id"] == about
    [label] = told["labels"]
    assert (label["is_fraud"], label["source"], label["in_force"], label["note"]) == (True, "chargeback", True, "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", label["effective_at"])
    table = fraud("labels", "show", about).stdout
    assert "fraud" in table
    assert "chargeback" in table


@pytest.fixture
def of_credit(registry) -> dict[str, list[str]]:
    """Options and settings by which the store's contract is one of credit: a champion, or a file."""
    contract = json.loads(registry.fetch("1")["contract.json"]) | {"purpose": "credit"}
    forged = resealed(registry.fetch("1"), contract_json=json.dumps(contract).encode())
    registry.assign("champion", registry.register(forged))
    credit = files("fraud_detection_api.contract").joinpath("credit.toml").read_text()
    Path("loans.toml").write_text('purpose = "credit"\n' + credit)
    return {"champion": [], "file": ["--contract", "loans.toml", "--registry", "none"]}


@pytest.mark.parametrize("named_by", ["champion", "file"])
@pytest.mark.parametrize("decision", [0, 1])
def test_a_label_is_in_the_words_of_the_contracts_purpose(fraud, store, labels, of_credit, named_by, decision):
    fraud("labels", "import", labels)
    about, options = DECISIONS[decision].decision_id, of_credit[named_by]
    for command in (["labels", "show", about], ["decisions", "show", about], ["decisions", "list"]):
        shown = fraud(*command, *options, COLUMNS="200").stdout
        assert ("good", "default")[decision == 0] in shown
        assert ("legitimate" in shown, "fraud" in shown) == (False, False)


def test_a_registry_that_cannot_be_read_keeps_nobody_from_reading_labels(fraud, store, labels):
    fraud("labels", "import", labels)
    assert "fraud" in fraud("labels", "show", DECISIONS[0].decision_id, "--registry", labels).stdout


def test_show_of_an_unknown_decision_fails(fraud, store):
    assert refusal_of(fraud("labels", "show", NOBODYS)) is UnknownDecision


def test_a_decision_without_a_label_says_so(fraud, store):
    done = fraud("labels", "show", DECISIONS[0].decision_id)
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (0, "", 1)


def labels_of(fraud, decision) -> list:
    return json.loads(fraud("labels", "show", decision.decision_id, "--json").stdout)["labels"]


def export(fraud, *options):
    return fraud("export", "training-set", "--since", "2020-01-01T00:00:00Z", "--out", "out.parquet", *options)


def test_export_writes_what_is_labelled_and_tells_what_is_not(fraud, store, labels):
    fraud("labels", "import", labels)
    done = export(fraud)
    assert done.exit_code == 0
    written, unlabelled = done.stderr.splitlines()
    assert (numbers_in(written), numbers_in(unlabelled)) == ([3, 1, 2, 0], [3])
    assert pl.read_parquet("out.parquet").height == 3


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_export_warns_of_what_was_changed_and_says_what_to_do(fraud, store, labels, tmp_path, options):
    fraud("labels", "import", labels)
    with closing(sqlite3.connect(tmp_path / "decisions.db", isolation_level=None)) as connection:
        connection.execute("UPDATE decisions SET record = replace(record, '\"customer_id\":1', '\"customer_id\":8')")
    done = export(fraud, *options)
    assert done.exit_code == 0
    assert "warning: 1 left out" in done.stderr
    assert "`fraud store check`" in done.stderr
    assert pl.read_parquet("out.parquet").height == 2


@pytest.mark.parametrize(
    ("options", "rows", "unlabelled"),
    [
        (("--matured-days", "1.5"), 2, 3),
        (("--until", "2021-01-01T00:00:00Z"), 0, 0),
        (("--assume-legitimate-after", "5.5"), 4, 2),
    ],
)
def test_which_decisions_are_exported_is_an_option(fraud, store, labels, options, rows, unlabelled):
    fraud("labels", "import", labels)
    done = export(fraud, "--json", *options)
    if not rows:
        assert done.exit_code == 1
        return
    told = json.loads(done.stdout)
    assert (told["rows"], told["unlabelled"]) == (rows, unlabelled)


def test_the_contracts_delay_is_how_old_decisions_are_at_least(fraud, store, labels, tmp_path):
    contract = (files("fraud_detection_api") / "contract" / "credit.toml").read_text(encoding="utf-8")
    (tmp_path / "slow.toml").write_text(contract.replace("[target]", "[target]\nlabel_delay_days = 2.5"))
    fraud("labels", "import", labels)
    assert json.loads(export(fraud, "--json", "--contract", "slow.toml").stdout)["rows"] == 1


def test_an_export_of_nothing_fails_and_teaches(fraud, store):
    done = export(fraud)
    assert refusal_of(done) is NothingToExport
    assert numbers_in(done.stderr) == [0, 6, 0, 0, 0]
    assert "fraud labels import" in done.stderr
    young = export(fraud, "--matured-days", "36500", "--since", "2020-01-01T00:00:00Z")
    assert numbers_in(young.stderr) == [6, 0, 0, 0, 0]


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_time_that_is_none_is_a_usage_error(fraud, store, option):
    assert export(fraud, option, "soon").exit_code == 2


@pytest.mark.parametrize(
    "command",
    [("labels", "show", NOBODYS), ("export", "training-set", "--since", "2020-01-01T00:00:00Z", "--out", "x.csv")],
)
def test_without_a_store_there_is_nothing_to_do(fraud, command):
    assert refusal_of(fraud(*command, "--store", "none")) is NoStore


def test_where_every_row_is_recorded_no_file_of_unknown_rows_is_made(fraud, store, labels, tmp_path):
    labels.write_text("".join(labels.read_text().splitlines(keepends=True)[:4]))
    done = fraud("labels", "import", labels, "--unknown-to", tmp_path / "unknown.csv")
    assert done.exit_code == 0
    assert not (tmp_path / "unknown.csv").exists()


def test_who_imports_is_kept_with_the_labels(fraud, store, tmp_path):
    ids = [decision.decision_id for decision in DECISIONS[:2]]
    rows = [f"{ids[0]},1,chargeback,ann", f"{ids[1]},0,chargeback,"]
    (tmp_path / "labels.csv").write_text("\n".join(["decision_id,is_fraud,source,reviewer", *rows]))
    fraud("labels", "import", "labels.csv", "--by", "bob")
    first, second = (labels_of(fraud, decision)[0]["reviewer"] for decision in DECISIONS[:2])
    assert first == "ann"
    assert second.startswith("bob (")
    assert "ann" in fraud("labels", "show", ids[0]).stdout
