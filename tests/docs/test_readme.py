"""The README's commands and the contract page's example, executed."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from fraud_detection_api.container.storage import build_store
from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support import calls
from support.builders import QUICK
from support.commands import run_block
from support.pages import blocks, run_shell
from support.servers import running_command

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# `make test` is what runs this very test; the demo has one of its own
ELSEWHERE = ("make test", "make demo", "export PATH=")
SERVED_BY_THE_TEST = ("make serve", "curl", "fraud serve")


def commands() -> list[str]:
    """Each command of the shell blocks; a line that goes on (a backslash, or an indented next line) is one command."""
    joined = [re.sub(r"\\\n|\n[ \t]+", " ", block) for block in blocks(README, "sh")]
    return [line.strip() for block in joined for line in block.splitlines() if line.strip()]


def fraud_commands() -> list[str]:
    return [command for command in commands() if command.startswith("fraud ")]


def test_every_command_of_the_readme_is_accounted_for():
    known = ("fraud ", *ELSEWHERE, *SERVED_BY_THE_TEST)
    assert [command for command in commands() if not command.startswith(known)] == []


def test_your_own_file_in_five_lines_is_the_tutorial_which_runs():
    tutorial = (ROOT / "docs" / "tutorials" / "your-own-file.md").read_text(encoding="utf-8")
    lines = [line for block in blocks(tutorial, "sh") for line in block.splitlines()]
    assert len(fraud_commands()) == 5
    assert set(fraud_commands()) <= set(lines)


def test_the_commands_on_a_file_of_ones_own_run_as_printed_beside_another_server(file_registry_path, tmp_path):
    simulate_credit_records(2000, seed=7, fraud_rate=0.05).write_csv(tmp_path / "loans.csv")
    shutil.copytree(file_registry_path, tmp_path / "registry")
    store = build_store(Settings(store=f"sqlite:///{tmp_path / 'decisions.db'}"))
    store.migrate()
    store.claim("credit")  # the server of the page above
    store.close()
    *others, serve = fraud_commands()
    done = run_block("\n".join(others), tmp_path)
    assert done.returncode == 0, done.stderr
    words = [word if word != "8001" else "0" for word in shlex.split(serve)[1:]]
    with running_command(words, tmp_path) as server:
        assert calls.get(f"{server.url}/readyz").status_code == 200
    assert (tmp_path / "loans.db").exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_given_curl_gets_the_answer_that_the_readme_shows(default_server, tmp_path):
    [curl] = [command for command in commands() if command.startswith("curl")]
    shown = json.loads(blocks(README, "json")[0])
    answer = run_shell(curl.replace("http://0.0.0.0:8000", default_server.url) + " --silent", tmp_path)
    assert json.loads(answer.stdout) == pytest.approx(shown, abs=0.02), answer.stderr


@pytest.mark.skipif(not (ROOT / ".venv" / ".installed").exists(), reason="not an environment that make set up")
def test_make_help_lists_every_target_of_the_documents(tmp_path):
    listed = run_shell(f"make -C {ROOT} help", tmp_path.parent).stdout if tmp_path else ""
    documents = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"make ([a-z]+)(?=[`\s]+(?:#|\n|`))", documents))
    assert named
    assert {target for target in named if f"make {target} " not in listed} == set()


def test_the_examples_of_the_contract_page_are_sound_contracts():
    page = (ROOT / "docs" / "how-to" / "contracts.md").read_text(encoding="utf-8")
    example, *of_reasons = blocks(page, "toml")
    assert contract_from_toml(example, source="contracts.md").name == "loans"
    reasons = contract_from_toml('name = "x"\n[target]\nname = "y"\n' + "\n".join(of_reasons), source="contracts.md")
    assert list(reasons.explained) == ["checking_status", "income"]


def test_the_decision_on_defaults_names_the_defaults():
    page = (ROOT / "docs" / "decisions" / "0006-training-defaults.md").read_text(encoding="utf-8")
    defaults = type(QUICK)()
    for name in ("learning_rate", "max_depth", "min_child_weight", "subsample", "colsample_bytree", "max_bin"):
        assert f"`{name}` {getattr(defaults, name):g}" in page
