"""The examples in docstrings give what they show."""

import doctest
import importlib
from pathlib import Path

import pytest

import fraud_detection_api

SOURCE = Path(fraud_detection_api.__file__).parent
MODULES = [
    ".".join(("fraud_detection_api", *path.relative_to(SOURCE).with_suffix("").parts))
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name):
    failed, attempted = doctest.testmod(importlib.import_module(name.removesuffix(".__init__")))
    assert attempted > 0
    assert failed == 0
