"""Train, serve, decide, label, export, train again, beside a real server."""

import json

import polars as pl

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support import calls, commands
from support.commands import quick_training
from support.polling import eventually
from support.servers import running_server

CREDIT = load_contract("credit")
TARGET = CREDIT.target.name
DECIDED, BY_ID = 3000, 1500


def fraud(*arguments: object, **environment: str):
    with quick_training():
        done = commands.fraud(*arguments, **environment)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.startswith("{") else done.stderr


def label_over_http(server, decisions, truth) -> None:
    labels = [
        {"decision_id": decision["decision_id"], "is_fraud": bool(is_fraud), "source": "investigation"}
        for decision, is_fraud in zip(decisions, truth, strict=True)
    ]
    answer = calls.post(f"{server.url}/v1/labels", json={"labels": labels}, timeout=60)
    assert answer.json() == {"recorded": len(labels), "repeated": 0, "unknown": []}


def file_of_labels(path, decisions, truth):
    rows = [
        (decision["customer_id"], decision["decided_at"], bool(is_fraud), "chargeback")
        for decision, is_fraud in zip(decisions, truth, strict=True)
    ]
    rows.append((-1, "2026-01-01T00:00:00Z", True, "chargeback"))
    columns = ["customer_id", "decided_at", "is_fraud", "source"]
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(path)
    return path


def test_what_was_served_and_labelled_is_trained_on_and_served(tmp_path):
    registry, exported = tmp_path / "registry", tmp_path / "labelled.parquet"
    history = simulate_credit_records(3000, seed=7, fraud_rate=0.05)
    history.write_parquet(tmp_path / "history.parquet")
    fraud("train", tmp_path / "history.parquet", "--registry", registry)
    later = simulate_credit_records(DECIDED, seed=8, fraud_rate=0.05)
    records = later.select(CREDIT.record_columns).to_dicts()
    truth = later[TARGET].to_list()
    store = {"FRAUD_STORE": f"sqlite:///{tmp_path / 'decisions.db'}"}
    with running_server(registry, tmp_path / "server.log", FRAUD_RELOAD_SECONDS="0.05", **store) as server:
        decisions = calls.post(f"{server.url}/v1/decisions", json={"records": records}, timeout=60).json()["decisions"]
        label_over_http(server, decisions[:BY_ID], truth[:BY_ID])
        labels = file_of_labels(tmp_path / "labels.csv", decisions[BY_ID:], truth[BY_ID:])
        told = fraud("labels", "import", labels, "--json", **store)
        assert (told["recorded"], told["repeated"]) == (DECIDED - BY_ID, 0)
        assert [unknown["row"] for unknown in told["unknown"]] == [DECIDED - BY_ID + 1]
        assert fraud("labels", "import", labels, "--json", **store)["repeated"] == DECIDED - BY_ID
        fraud("export", "training-set", "--since", "2026-01-01T00:00:00Z", "--out", exported, **store)
        fraud("train", exported, "--registry", registry, "--promote", "--force", "trained on what was labelled")
        eventually(
            lambda: calls.get(f"{server.url}/readyz").json().get("model_version") == "2", "the new model is served"
        )
        again = calls.post(f"{server.url}/fraud_detection", json=records[:10])
        assert again.headers["X-Model-Version"] == "2"
    table = pl.read_parquet(exported).drop("label_age_days", "label_reviewer").sort("customer_id")
    assert table.equals(later.select(table.columns).sort("customer_id"))
