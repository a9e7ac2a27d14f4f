"""All texts are in the catalogue: templates have none of their own, and the catalogue has none that nobody uses."""

import re
from pathlib import Path
from typing import get_args

import pytest

from fraud_detection_api.console import words
from fraud_detection_api.console.decisions.life import Truth
from fraud_detection_api.console.frame import NAVIGATION
from fraud_detection_api.contract.windows import Measure
from fraud_detection_api.decision.label import LABEL_SOURCES, LabelState
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.schemas.decisions import WarningCode
from fraud_detection_api.services.accounts.account_store import Deed
from fraud_detection_api.services.accounts.refusals import ProviderReason
from fraud_detection_api.services.history.replay import Status

FOLDER = Path(words.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").rglob("*.html"))
SOURCE = "".join(path.read_text(encoding="utf-8") for path in [*TEMPLATES, *FOLDER.rglob("*.py")]).replace("'", '"')


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_text_of_its_own(template):
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"<(code|kbd)>.*?</\1>|<[^>]*>", "", text, flags=re.DOTALL)
    assert not re.findall(r"[A-Za-z]{2,}", text)


BY_VALUE = {
    "outcome": OUTCOMES,
    "warning": get_args(WarningCode),
    "truth": get_args(Truth),
    "label_state": get_args(LabelState),
    "label_source": LABEL_SOURCES,
    "replay": (*get_args(Status), "registry_unavailable"),
    "measure": get_args(Measure),
    "deed": get_args(Deed),
    "decided": ("known", "missing"),
    "record": ("id", "key"),
}
"""Sections with a text for each of these values."""


def test_every_value_that_a_page_names_has_a_text():
    wanted = {f"{section}.{value}" for section, values in BY_VALUE.items() for value in values}
    assert wanted <= words.catalogue().keys()


def test_every_text_is_used():
    by_name = {f"{page.texts}.title" for page in NAVIGATION}
    by_name |= {f"{section}.{value}" for section, values in BY_VALUE.items() for value in values}
    said_by_value = ("history", "lease", "verdict")
    by_name |= {key for key in words.catalogue() if key.endswith(".title") or key.partition(".")[0] in said_by_value}
    by_name |= {f"sign_in.{why}" for why in get_args(ProviderReason)}
    begins = tuple(re.findall(r"say\(f?\"([a-z_]+\.[a-z_]*)(?:\" ~|\{)", SOURCE))
    ends = tuple(re.findall(r"say\([a-z_.]+ ~ \"(\.[a-z_]+)\"", SOURCE))
    by_name |= {key for key in words.catalogue() if key.startswith(begins) or key.endswith(ends)}
    assert [key for key in words.catalogue() if key not in by_name and f'"{key}"' not in SOURCE] == []


def test_every_text_that_is_used_is_there():
    used = set(re.findall(r"say\(\"([a-z_]+\.[a-z_]+)\"[,)]", SOURCE))
    assert used <= words.catalogue().keys()


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(KeyError):
        words.say("page.signed_in", name="mira")
