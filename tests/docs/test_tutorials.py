"""The tutorials: their commands, executed in order as a newcomer would."""

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from support.applications import application
from support.commands import run_block
from support.pages import blocks, run_shell
from support.polling import eventually
from support.servers import running_server

PAGES = Path(__file__).parents[2] / "docs" / "tutorials"
ADDRESS = "http://127.0.0.1:8000"
FRAUD = f'fraud() {{ {sys.executable} -c "from fraud_detection_api.cli import app; app()" "$@"; }}\n'
MATURITY = "export FRAUD_LABEL_MATURITY_DAYS=0\n"


def commands(name: str) -> list[str]:
    """The shell blocks of a tutorial, without the commands that serve, which the tests do."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    shell = ("".join(f"{line}\n" for line in block.splitlines() if "serve" not in line) for block in blocks(page, "sh"))
    return [block for block in shell if block]


def posted(client, curl: str):
    """What the application answers to the command."""
    words = shlex.split(curl.replace("\\\n", " "))
    body, [path] = words[words.index("--data") + 1], re.findall(rf"'{ADDRESS}(.*?)'", curl)
    return client.post(path, content=body, headers={"Content-Type": "application/json"})


def done_in(folder: Path, block: str) -> str:
    """What the commands print on stdout, once all have succeeded."""
    done = run_block(block, folder)
    assert done.returncode == 0, f"{block}\n{done.stderr}"
    return done.stdout


def gate_passed(comparison: str) -> bool:
    """Whether the challenger passes; not before it has been compared at all."""
    return bool(comparison) and json.loads(comparison)["gate"]["passed"]


def test_the_first_decision_is_made_found_and_replayed(file_registry_path, tmp_path):
    decide, mistake, listing, proof = commands("first-decision")
    shutil.copytree(file_registry_path, tmp_path / "registry")
    with application(FileRegistry(tmp_path / "registry"), store=f"sqlite:///{tmp_path / 'decisions.db'}") as client:
        [decision] = posted(client, decide).raise_for_status().json()["decisions"]
        problem = posted(client, mistake).json()
        listed = done_in(tmp_path, listing)
        proved = done_in(tmp_path, proof.replace("$ID", decision["decision_id"]))
    assert len(decision["reasons"]) == 4
    assert (problem["status"], problem["code"]) == (422, "invalid_records")
    assert "/records/0/number_of_open_accounts" in {error["pointer"] for error in problem["errors"]}
    assert decision["decision_id"][:8] in listed
    assert "equal" in proved


def test_a_file_of_ones_own_becomes_a_model_that_serves(tmp_path):
    done_in(tmp_path, "".join(commands("your-own-file")))
    assert (tmp_path / "scored.parquet").stat().st_size > 0
    assert (tmp_path / "report.html").stat().st_size > 0
    with application(FileRegistry(tmp_path / "loans-registry")) as client:
        schema = client.get("/openapi.json").json()["components"]["schemas"]["Record"]
    assert "total_balance" in schema["properties"]


@pytest.mark.slow  # its parts have quick tests of their own: folding files, loading events, serving, refolding
def test_raw_payments_become_a_model_with_history(tmp_path):
    make, check, train, features, load, decide, look = commands("history")
    [contract] = blocks((PAGES / "history.md").read_text(encoding="utf-8"), "toml")
    (tmp_path / "payments.toml").write_text(contract, encoding="utf-8")
    done_in(tmp_path, make + check + train + features + load)
    with application(
        FileRegistry(tmp_path / "payments-registry"), store=f"sqlite:///{tmp_path / 'payments.db'}"
    ) as client:
        [decision] = posted(client, decide.replace(":8002", ":8000")).raise_for_status().json()["decisions"]
    shown = done_in(tmp_path, look)
    assert decision["history"] == "available"
    assert "AMOUNT_HIGH" in {reason["code"] for reason in decision["reasons"]}
    assert "payments_1d" in shown
    assert "missing" not in shown
    assert "equal" in shown


@pytest.mark.slow  # its parts have quick tests of their own: labels, retraining, comparison, gate
def test_a_retrained_model_proves_better_and_replaces_the_champion(tmp_path):
    def run(shell: str) -> str:
        done = run_shell(FRAUD + MATURITY + shell, tmp_path)
        assert done.returncode == 0, f"{shell}\n{done.stderr}"
        return done.stdout

    train, traffic, send, label, retrain, more, compare, promote = commands("close-the-loop")
    [program] = blocks((PAGES / "close-the-loop.md").read_text(encoding="utf-8"), "python")
    run(train)
    registry = FileRegistry(tmp_path / "registry")
    environment = {"FRAUD_LABEL_MATURITY_DAYS": "0", "FRAUD_OBSERVER": "true"}
    with running_server(tmp_path / "registry", tmp_path / "decisions.log", **environment) as server:
        (tmp_path / "send.py").write_text(program.replace(ADDRESS, server.url), encoding="utf-8")
        run(traffic + send + label + retrain)
        assert registry.assigned("challenger") == "2"
        run(more)
        eventually(
            lambda: gate_passed(run_shell(FRAUD + MATURITY + compare.strip() + " --json", tmp_path).stdout),
            "the challenger passes the gate",
            within_seconds=120,
            every_seconds=1,
        )
        run(promote)
    assert registry.assigned("champion") == "2"
