"""The rules of deploy/monitoring, run by Prometheus' own tool; every alert fires, clears and stays silent in a test."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from support.prometheus import MONITORING, RULES, checked

RULE_TESTS = sorted((RULES / "tests").glob("*.yml"))
ALERTS = {
    rule["alert"]: rule
    for path in sorted(RULES.glob("*.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
OPERATIONS = MONITORING.parents[1] / "docs" / "how-to" / "operations.md"


def seconds(time: str) -> int:
    return sum(
        int(n) * {"d": 86400, "h": 3600, "m": 60, "s": 1}[unit] for n, unit in re.findall(r"(\d+)([dhms])", time)
    )


def verdicts() -> dict[str, list[list[bool]]]:
    """Of each alert, of each test that asks about it: whether it fires, in the order of time."""
    found = defaultdict(list)
    for path in RULE_TESTS:
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            fires = defaultdict(list)
            for check in sorted(test["alert_rule_test"], key=lambda check: seconds(check["eval_time"])):
                fires[check["alertname"]].append(bool(check["exp_alerts"]))
            for alert, course in fires.items():
                found[alert].append(course)
    return found


VERDICTS = verdicts()


def test_the_rules_are_sound():
    checked("promtool", "check", "rules", "--lint-fatal", *sorted(RULES.glob("*.yml")))


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_clear_as_their_tests_say(path):
    checked("promtool", "test", "rules", path)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_test_in_which_it_is_silent_fires_and_clears(alert):
    assert [course for course in VERDICTS[alert] if not course[0] and any(course) and not course[-1]]


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_test_in_which_nothing_is_amiss(alert):
    assert [course for course in VERDICTS[alert] if not any(course)]


def test_rules_are_tested_for_alerts_that_there_are():
    assert set(VERDICTS) == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_urgent_it_is_what_has_happened_and_where_to_read_on(alert):
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/how-to/operations.md#{alert.lower()}"
    assert rule["annotations"]["description"].endswith(".")


def test_every_alert_has_its_section_of_the_runbook():
    headings = set(re.findall(r"^#+ (\w+)$", OPERATIONS.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(ALERTS) <= headings


def test_the_scrape_configuration_is_sound(tmp_path: Path):
    """With the key's file where this machine has one; the container's path is compose's."""
    key = tmp_path / "key"
    key.touch()
    text = (MONITORING / "prometheus.yml").read_text(encoding="utf-8")
    moved = text.replace("/run/secrets/fraud_monitor_key", str(key)).replace("rules/*.yml", f"{RULES}/*.yml")
    (tmp_path / "prometheus.yml").write_text(moved, encoding="utf-8")
    said = checked("promtool", "check", "config", tmp_path / "prometheus.yml")
    assert said.count("rules found") == len(list(RULES.glob("*.yml")))


def test_alerts_watch_the_job_that_is_scraped():
    jobs = {job["job_name"] for job in yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]}
    watched = re.findall(r'job="([^"]+)"', "".join(rule["expr"] for rule in ALERTS.values()))
    assert watched
    assert set(watched) <= jobs
