"""The runbook has a section for each alert, and the sizes are those that were measured."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "operations.md").read_text(encoding="utf-8")
GROUPS = [
    group
    for path in sorted((ROOT / "deploy" / "monitoring" / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
]
ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
SECTIONS = {found[1]: found[2] for found in re.finditer(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_section_with_meaning_places_to_look_at_and_actions(rule):
    section = SECTIONS[rule["alert"]]
    assert re.findall(r"^- \*\*(.+?):\*\*", section, re.MULTILINE) == ["Means", "Look at", "Do"]


def test_every_section_is_about_an_alert():
    assert set(SECTIONS) == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_the_alert_leads_to_its_section(rule):
    assert rule["annotations"]["runbook_url"].endswith(f"docs/how-to/operations.md#{rule['alert'].lower()}")


def test_metrics_in_the_queries_of_the_page_are_documented():
    known = set(
        re.findall(
            r"^\| `(fraud_\w+)`", (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    suffixes = ("_bucket", "_count", "_sum")
    asked = {re.sub(f"({'|'.join(suffixes)})$", "", name) for name in re.findall(r"\bfraud_\w+(?=[{\[)`])", PAGE)}
    assert asked - known <= {"fraud_detection", "fraud_server"}


def test_the_stores_sizes_follow_from_the_bytes_of_a_decision():
    [measured] = re.findall(
        r"([\d,]+) with four\s+reasons", (ROOT / "docs" / "how-to" / "decision-store.md").read_text(encoding="utf-8")
    )
    bytes_each = number(measured)
    rows = re.findall(r"^\| ([\d,]+) \| ([\d.]+) (MB|GB) \| ([\d.]+) (GB|TB) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    units = {"MB": 1e6, "GB": 1e9, "TB": 1e12}
    for decisions, a_day, day_unit, long, long_unit in rows:
        assert float(a_day) * units[day_unit] == pytest.approx(number(decisions) * bytes_each, rel=0.05)
        assert float(long) * units[long_unit] == pytest.approx(400 * number(decisions) * bytes_each, rel=0.05)


def test_the_rates_are_about_those_of_the_benchmarks_page():
    benchmarks = (ROOT / "docs" / "explanation" / "benchmarks.md").read_text(encoding="utf-8")
    section = benchmarks.split("## One record a request, 32 connections")[1].split("\n## ")[0]
    stated = re.findall(r"^\| (`.+?`.*?) \| ([\d,]+) \|$", PAGE, re.MULTILINE)
    assert len(stated) == 3
    for what, rate in stated:
        [measured] = re.findall(
            rf"^\| this product, {re.escape(benchmark_name(what))} \| ([\d,]+) ", section, re.MULTILINE
        )
        assert number(rate) == pytest.approx(number(measured), rel=0.15), "update the sizing after a new benchmark"


def benchmark_name(what: str) -> str:
    return what.replace(" with exact reasons", " with reasons")


def number(text: str) -> float:
    return float(text.replace(",", ""))
