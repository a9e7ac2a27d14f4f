"""What the page on scoring shows is what a server answers."""

import json
import re
import shlex
from pathlib import Path

import pytest

from fraud_detection_api.settings import Settings
from support import calls
from support.applications import application
from support.pages import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "scoring.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    [found] = blocks(PAGE, language)
    return found


def answer(post, url: str = ""):
    """What the command of the page is answered."""
    words = shlex.split(block("sh").replace("\\\n", " "))
    body, path = words[words.index("--data") + 1], re.search(r"'http://127.0.0.1:8000(.*?)'", block("sh"))[1]
    return post(url + path, content=body, headers={"Content-Type": "application/json"}).raise_for_status()


def decisions_in(text: str) -> list[dict]:
    return json.loads(text)["decisions"]


def test_the_command_is_answered_in_the_shape_that_is_shown(tmp_path):
    with application(store=f"sqlite:///{tmp_path / 'decisions.db'}") as client:
        answered = answer(client.post)
    [shown], [given] = decisions_in(block("json")), decisions_in(answered.text)
    assert list(given) == list(shown)
    assert {tuple(reason) for reason in given["reasons"]} == {tuple(reason) for reason in shown["reasons"]}
    [named] = re.findall(r"milliseconds of each stage: (.*?);", PAGE)
    assert re.findall(r"`(\w+)`", named) == re.findall(r"(\w+);dur", answered.headers["server-timing"])


@pytest.mark.slow
def test_the_default_model_decides_as_shown_but_for_ids_and_times(default_server):
    [shown], [given] = decisions_in(block("json")), decisions_in(answer(calls.post, default_server.url).text)
    fixed = ("customer_id", "risk_score", "outcome", "policy_version", "decision_source")
    assert [given[key] for key in fixed] == [shown[key] for key in fixed]
    assert given["fraud_probability"] == pytest.approx(shown["fraud_probability"], abs=0.02)
    assert len(given["reasons"]) == 4


def test_the_limits_of_the_page_are_the_defaults():
    settings = Settings()
    assert f"`FRAUD_MAX_RECORDS` ({settings.max_records:,})" in PAGE
    assert f"`FRAUD_MAX_BODY_BYTES` ({settings.max_body_bytes // 2**20} MiB)" in PAGE
    assert f"`FRAUD_FALLBACK_OUTCOME` (`{settings.fallback_outcome}` unless set)" in PAGE
