"""The page on running the service: its settings and defaults are those of the code, its extras those of the package."""

import re
import tomllib
from pathlib import Path

from fraud_detection_api.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "run.md").read_text(encoding="utf-8")


def test_the_settings_of_the_page_have_the_defaults_of_the_code():
    rows = re.findall(r"^\| (`FRAUD_.*?) \| (.*?) ?\|", PAGE, re.MULTILINE)
    assert len(rows) == 9
    for names, defaults in rows:
        fields = [Settings.model_fields[name.removeprefix(PREFIX).lower()] for name in re.findall(r"`(\w+)`", names)]
        stated = re.findall(r"`(.*?)`", defaults) or [""] * len(fields)
        assert stated == ["" if field.default is None else str(field.default) for field in fields], names


def test_the_extras_of_the_page_are_those_of_the_package():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table = PAGE.split("| extra | adds |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)) == set(package["optional-dependencies"])
