"""The console's texts, from one catalogue, so that they can be translated."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources


@cache
def catalogue() -> Mapping[str, str]:
    """Each text under its section and name, such as `service.title`."""
    text = resources.files("fraud_detection_api.console").joinpath("texts.toml").read_text(encoding="utf-8")
    return {
        f"{section}.{name}": words for section, texts in tomllib.loads(text).items() for name, words in texts.items()
    }


def say(key: str, **values: object) -> str:
    """A text with its values. Raises KeyError for a text or a value that is missing.

    >>> say("page.signed_in", name="mira", role="analyst")
    'mira, analyst'
    """
    return catalogue()[key].format_map(values)
