"""`fraud demo` as a newcomer starts it, but with a tenth of the payments, so that it is ready sooner."""

import json
import re

import pytest

from fraud_detection_api.container.accounts import build_accounts
from fraud_detection_api.settings import Settings
from support import calls
from support.child_processes import children_of, is_running
from support.polling import eventually
from support.servers import Server, run_fraud, running_command

pytestmark = pytest.mark.slow

WORDS = ["demo", "--port", "0", "--days", "12", "--payments", "100", "--rate", "10"]


def listed(server: Server, **where: object) -> list[dict]:
    answer = calls.get(f"{server.url}/v1/decisions", params={"limit": 1000, **where})
    return answer.raise_for_status().json()["decisions"]


def days_of(decisions: list[dict]) -> set[str]:
    return {each["decided_at"][:10] for each in decisions}


def test_a_demo_has_a_past_and_lives_and_leaves_no_process(tmp_path):
    folder = tmp_path / "demo"
    with running_command([*WORDS, "--folder", str(folder), "--accounts"], tmp_path) as server:
        passwords = dict(re.findall(r"sign in as +(\w+), .*: (\S{16})\n", server.log_text()))
        assert list(passwords) == ["ana", "lea", "omar", "ada"]
        assert len(set(passwords.values())) == 4
        accounts = build_accounts(Settings(store=f"sqlite:///{folder / 'decisions.db'}"))
        roles = {name: accounts.sign_in(name, password, "")[1:3] for name, password in passwords.items()}
        assert roles == {"ana": ("analyst", 0), "lea": ("analyst", 1), "omar": ("auditor", 0), "ada": ("admin", 0)}
        accounts.close()

        assert "made up" in server.log_text()
        contract = calls.get(f"{server.url}/v1/contract").json()
        assert "Made-up" in contract["description"]

        rows = listed(server)
        assert len(days_of(rows)) > 8
        assert len(listed(server, outcome="review", label="unlabelled")) > 5
        assert len(listed(server, label="fraud")) > 10
        assert len(days_of(listed(server, label="fraud"))) > 5

        newest = rows[0]["decided_at"]
        eventually(lambda: len(listed(server, since=newest)) > 20, "live payments are decided", within_seconds=30)
        [traffic] = children_of(server.process.pid, "demo.traffic")
        compared = calls.get(f"{server.url}/v1/models/compare").json()
        assert compared["models"]["challenger"]["version"] == "2"
        assert compared["decisions"] > 400
        assert compared["differences"]["average_precision"]["estimate"] > 0
        children = children_of(server.process.pid)
    assert not [each for each in [traffic, *children] if is_running(each)]

    stored = [
        "--registry",
        str(folder / "registry"),
        "--store",
        f"sqlite:///{folder / 'decisions.db'}",
        "--since",
        "20d",
    ]
    for proof in ([], ["--history"]):
        replayed = json.loads(run_fraud("replay", *proof, *stored, "--json").stdout)
        assert replayed["decisions"] > 1000
        assert replayed["counts"] == {"equal": replayed["decisions"]}
