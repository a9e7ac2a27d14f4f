"""All texts are in the catalogue: templates have none of their own, and the catalogue has none that nobody uses."""

import re
from pathlib import Path
from typing import get_args

import pytest

from fraud_detection_api.console import words
from fraud_detection_api.console.frame import NAVIGATION
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.accounts.refusals import ProviderReason

FOLDER = Path(words.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
SOURCE = "".join(path.read_text(encoding="utf-8") for path in [*TEMPLATES, *FOLDER.rglob("*.py")]).replace("'", '"')


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_text_of_its_own(template):
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"<code>.*?</code>|<[^>]*>", "", text, flags=re.DOTALL)
    assert not re.findall(r"[A-Za-z]{2,}", text)


def test_every_text_is_used():
    by_name = {f"{page.texts}.title" for page in NAVIGATION} | {f"outcome.{each}" for each in OUTCOMES}
    by_name |= {key for key in words.catalogue() if key.endswith(".title") or key.startswith("history.")}
    by_name |= {f"sign_in.{why}" for why in get_args(ProviderReason)}
    assert [key for key in words.catalogue() if key not in by_name and f'"{key}"' not in SOURCE] == []


def test_every_text_that_is_used_is_there():
    used = set(re.findall(r"say\(\"([a-z_]+\.[a-z_]+)\"", SOURCE))
    assert used <= words.catalogue().keys()


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(KeyError):
        words.say("page.signed_in", name="mira")
