"""What the page on scoring shows is what a server answers."""

import json
import re
import shlex
from pathlib import Path

import pytest

from fraud_detection_api.settings import Settings
from support import calls
from support.pages import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "scoring.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    [found] = blocks(PAGE, language)
    return found


@pytest.fixture
def answer(default_server):
    words = shlex.split(block("sh").replace("\\\n", " "))
    body, path = words[words.index("--data") + 1], re.search(r"'http://127.0.0.1:8000(.*?)'", block("sh"))[1]
    sent = {"Content-Type": "application/json"}
    return calls.post(default_server.url + path, content=body, headers=sent).raise_for_status()


def test_the_command_is_answered_as_shown_but_for_ids_and_times(answer):
    [shown], [given] = (json.loads(text)["decisions"] for text in (block("json"), answer.text))
    assert list(given) == list(shown)
    fixed = ("customer_id", "risk_score", "outcome", "policy_version", "decision_source")
    assert [given[key] for key in fixed] == [shown[key] for key in fixed]
    assert given["fraud_probability"] == pytest.approx(shown["fraud_probability"], abs=0.02)
    assert len(given["reasons"]) == 4
    for reason, example in zip(given["reasons"], shown["reasons"], strict=False):
        assert list(reason) == list(example)


def test_the_stages_that_the_page_names_are_those_of_the_answer(answer):
    [named] = re.findall(r"milliseconds of each stage: (.*?);", PAGE)
    assert re.findall(r"`(\w+)`", named) == re.findall(r"(\w+);dur", answer.headers["server-timing"])


def test_the_limits_of_the_page_are_the_defaults():
    settings = Settings()
    assert f"`FRAUD_MAX_RECORDS` ({settings.max_records:,})" in PAGE
    assert f"`FRAUD_MAX_BODY_BYTES` ({settings.max_body_bytes // 2**20} MiB)" in PAGE
    assert f"`FRAUD_FALLBACK_OUTCOME` (`{settings.fallback_outcome}` unless set)" in PAGE
