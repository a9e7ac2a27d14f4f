"""The page on labels: its request, its file and its commands, executed beside an application."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from fraud_detection_api.decision.label import LABEL_SOURCES
from fraud_detection_api.schemas.labels import LabelOfDecision, LabelOfEntity, LabelOfEvent
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.applications import application
from support.builders import record
from support.commands import run_block
from support.pages import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "labels.md").read_text(encoding="utf-8")
EXAMPLE = "0199c1c3-6f6b-7d35-8a4e-0d0f6a1f6a55"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A client of an application that has decided on the page's customers, its folder, and the id that the page names."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "labels.csv").write_text(blocks(PAGE, "csv")[0], encoding="utf-8")
    with application(store=f"sqlite:///{folder / 'decisions.db'}") as client:
        records = [record(customer_id=number) for number in range(345435, 345439)]
        decisions = client.post("/v1/decisions", json={"records": records}).json()["decisions"]
        yield client, folder, decisions[0]["decision_id"]


def test_the_request_of_the_page_is_taken(served):
    client, _, decision_id = served
    labels = json.loads(blocks(PAGE, "json")[0].replace(EXAMPLE, decision_id))
    answer = client.post("/v1/labels", json=labels).json()
    assert answer == {"recorded": 2, "repeated": 0, "unknown": []}
    shown = json.loads(blocks(PAGE, "text")[0])
    labels["labels"][1]["entity_id"] = 1
    again = client.post("/v1/labels", json=labels).json()
    assert list(again) == list(shown)
    assert (again["recorded"], again["repeated"]) == (0, 1)
    assert [one["pointer"] for one in again["unknown"]] == [one["pointer"] for one in shown["unknown"]]


def test_the_fields_and_sources_of_the_page_are_those_there_are():
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*)", PAGE, re.MULTILINE))))
    fields = {*LabelOfDecision.model_fields, *LabelOfEntity.model_fields, *LabelOfEvent.model_fields}
    assert named == fields | set(LABEL_SOURCES)


def test_the_file_of_the_page_is_imported(served):
    _, folder, decision_id = served
    done = run_block(blocks(PAGE, "sh")[0].replace(EXAMPLE, decision_id), folder)
    assert done.returncode == 0, done.stderr
    assert "3 rows: 2 labels recorded" in done.stderr
    assert pl.read_csv(folder / "unknown.csv")["customer_id"].to_list() == [999999]


def test_the_export_of_the_page_is_trained_on(served):
    client, folder, _ = served
    truth = simulate_credit_records(3000, seed=5, fraud_rate=0.05)
    records = truth.drop("is_fraud", "true_fraud_probability").to_dicts()
    decisions = client.post("/v1/decisions", json={"records": records}).json()["decisions"]
    ids = [decision["decision_id"] for decision in decisions]
    labels = pl.DataFrame({"decision_id": ids, "is_fraud": truth["is_fraud"], "source": ["chargeback"] * len(ids)})
    labels.write_csv(folder / "more.csv")
    done = run_block(f"fraud labels import more.csv\n{blocks(PAGE, 'sh')[1]}", folder)
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(folder / "labelled.parquet").height >= 3000
