"""The tutorials: their commands, executed in order as a newcomer would, beside a real server."""

import json
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from support import calls
from support.pages import blocks, install_fraud, run_shell
from support.polling import eventually
from support.servers import running_server

PAGES = Path(__file__).parents[2] / "docs" / "tutorials"
ADDRESS = "http://127.0.0.1:8000"


def commands(name: str) -> list[str]:
    """The shell blocks of a tutorial, without the commands that serve, which the tests do."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    shell = ("".join(f"{line}\n" for line in block.splitlines() if "serve" not in line) for block in blocks(page, "sh"))
    return [block for block in shell if block]


@pytest.fixture
def folder(tmp_path):
    install_fraud(tmp_path)
    return tmp_path


def run(shell: str, folder: Path) -> str:
    """What the commands print on stdout, once all have succeeded."""
    done = run_shell(shell, folder)
    assert done.returncode == 0, f"{shell}\n{done.stderr}"
    return done.stdout


def test_the_first_decision_is_made_found_and_replayed(file_registry_path, folder):
    decide, mistake, listing, proof = commands("first-decision")
    with running_server(file_registry_path, folder / "decisions.log") as server:
        [decision] = json.loads(run(decide.replace(ADDRESS, server.url), folder))["decisions"]
        problem = json.loads(run(mistake.replace(ADDRESS, server.url), folder))
        listed = run(listing, folder)
        proved = run(f"export FRAUD_REGISTRY={file_registry_path}\nID={decision['decision_id']}\n{proof}", folder)
    assert (decision["outcome"] != "approve", len(decision["reasons"])) == (True, 4)
    assert (problem["status"], problem["code"]) == (422, "invalid_records")
    assert "/records/0/number_of_open_accounts" in {error["pointer"] for error in problem["errors"]}
    assert decision["decision_id"][:8] in listed
    assert "equal" in proved


def test_a_file_of_ones_own_becomes_a_model_that_serves(folder):
    run("".join(commands("your-own-file")), folder)
    assert (folder / "scored.parquet").stat().st_size > 0
    assert (folder / "report.html").stat().st_size > 0
    with running_server(folder / "loans-registry", folder / "serve.log") as server:
        schema = calls.get(f"{server.url}/openapi.json").json()["components"]["schemas"]["Record"]
    assert "total_balance" in schema["properties"]


@pytest.mark.slow  # its parts have tests of their own: labels, retraining, comparison, gate
def test_a_retrained_model_proves_better_and_replaces_the_champion(folder):
    train, traffic, send, label, retrain, more, compare, promote = commands("close-the-loop")
    page = (PAGES / "close-the-loop.md").read_text(encoding="utf-8")
    run(train, folder)
    registry = FileRegistry(folder / "registry")
    environment = {"FRAUD_LABEL_MATURITY_DAYS": "0", "FRAUD_OBSERVER": "true"}
    with running_server(folder / "registry", folder / "decisions.log", **environment) as server:
        (folder / "send.py").write_text(blocks(page, "python")[0].replace(ADDRESS, server.url), encoding="utf-8")
        maturity = "export FRAUD_LABEL_MATURITY_DAYS=0\n"
        run(traffic + send + label + maturity + retrain, folder)
        assert registry.assigned("challenger") == "2"
        run(more, folder)
        eventually(
            lambda: "The gate is passed" in run_shell(maturity + compare, folder).stdout,
            "compared",
            within_seconds=120,
            every_seconds=1,
        )
        run(maturity + promote, folder)
    assert registry.assigned("champion") == "2"
