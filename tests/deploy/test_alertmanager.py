"""Alertmanager's configurations: who is told, how often, and what explains what; asked of the real one."""

import os
import subprocess
import time

import httpx2 as httpx
import pytest
import yaml

from support import calls
from support.mlflow_servers import free_port
from support.polling import eventually
from support.prometheus import MONITORING, checked, program

CONFIGURATIONS = ["alertmanager.yml", "alertmanager.example.yml"]
JOB = "fraud-detection-api"
_INHIBITED_WITHIN_SECONDS = 1.0  # it learns of causes behind the answer to whoever posts them
DOWN = {"alertname": "FraudServiceDown", "severity": "page", "job": JOB}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory):
    """The URL of an Alertmanager with the configuration as it comes."""
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    command = [
        program("prometheus-alertmanager"),
        f"--config.file={MONITORING / 'alertmanager.yml'}",
        f"--storage.path={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=os.environ)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(f"{url}/-/ready"), "Alertmanager is ready", within_seconds=30)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str) -> bool:
    try:
        return calls.get(url).status_code == 200
    except httpx.TransportError:
        return False


def held_back(url: str, cause: dict, effect: dict) -> bool:
    """Whether the effect is held back while the cause fires, in a deployment that no other test speaks of."""
    own = {"namespace": f"test-{time.monotonic_ns()}"}
    posted = calls.post(f"{url}/api/v2/alerts", json=[{"labels": cause | own}, {"labels": effect | own}])
    assert posted.status_code == 200
    deadline = time.monotonic() + _INHIBITED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        alerts = calls.get(f"{url}/api/v2/alerts", params={"filter": f'namespace="{own["namespace"]}"'}).json()
        if any(
            alert["labels"]["alertname"] == effect["alertname"] and alert["status"]["inhibitedBy"] for alert in alerts
        ):
            return True
        time.sleep(0.1)
    assert len(alerts) == 2
    return False


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_configuration_is_sound(name):
    assert "SUCCESS" in checked("amtool", "check-config", MONITORING / name)


@pytest.mark.parametrize(
    ("name", "severity", "receiver"),
    [
        ("alertmanager.yml", "page", "page-of-alertmanager"),
        ("alertmanager.yml", "ticket", "page-of-alertmanager"),
        ("alertmanager.example.yml", "page", "pages"),
        ("alertmanager.example.yml", "ticket", "tickets"),
        ("alertmanager.example.yml", "unheard-of", "tickets"),
    ],
)
def test_an_alert_goes_where_its_severity_says(name, severity, receiver):
    said = checked(
        "amtool", "config", "routes", "test", f"--config.file={MONITORING / name}", f"severity={severity}", f"job={JOB}"
    )
    assert said.splitlines()[0] == receiver  # a warning may follow


def test_as_it_comes_nothing_is_sent_anywhere():
    config = yaml.safe_load((MONITORING / "alertmanager.yml").read_text(encoding="utf-8"))
    assert config["receivers"] == [{"name": "page-of-alertmanager"}]


def test_the_example_holds_no_secret_but_names_files_of_them():
    text = (MONITORING / "alertmanager.example.yml").read_text(encoding="utf-8")
    named = [line.split(": ")[1] for line in text.splitlines() if "_file: " in line]
    assert named
    assert all(path.startswith("/etc/alertmanager/secrets/") for path in named)
    assert "api_url:" not in text
    assert "routing_key:" not in text


def test_both_configurations_group_and_hold_back_alike():
    one, other = (yaml.safe_load((MONITORING / name).read_text(encoding="utf-8")) for name in CONFIGURATIONS)
    assert one["inhibit_rules"] == other["inhibit_rules"]
    for route in [one["route"], other["route"], *one["route"]["routes"], *other["route"]["routes"]]:
        route.pop("receiver")
    assert one["route"] == other["route"]


@pytest.mark.parametrize(
    ("cause", "effect"),
    [
        ("FraudServiceDown", "FraudStoreDown"),
        ("FraudServiceDown", "FraudTargetDown"),
        ("FraudStoreDown", "FraudAvailabilityBurnsFast"),
        ("FraudStoreDown", "FraudStoreBacklog"),
        ("FraudAvailabilityBurnsFast", "FraudAvailabilityBurnsSlowly"),
        ("FraudLatencyBurnsFast", "FraudLatencyBurnsSlowly"),
    ],
)
def test_a_cause_holds_its_effects_back(alertmanager, cause, effect):
    assert held_back(alertmanager, {"alertname": cause, "job": JOB}, {"alertname": effect, "job": JOB})


@pytest.mark.parametrize(
    ("cause", "effect"),
    [
        ("FraudStoreDown", "FraudServiceDown"),
        ("FraudStoreDown", "FraudFeatureDrift"),
        ("FraudErrorRate", "FraudStoreDown"),
    ],
)
def test_other_alerts_are_told(alertmanager, cause, effect):
    assert not held_back(alertmanager, {"alertname": cause, "job": JOB}, {"alertname": effect, "job": JOB})


@pytest.mark.parametrize(("instance", "explained"), [("a:8000", True), ("b:8000", False)])
def test_a_server_that_is_down_explains_what_is_said_about_itself_alone(alertmanager, instance, explained):
    cause = {"alertname": "FraudTargetDown", "job": JOB, "instance": "a:8000"}
    effect = {"alertname": "FraudWorkerMemory", "job": JOB, "instance": instance}
    assert held_back(alertmanager, cause, effect) is explained


def test_another_deployment_is_not_held_back(alertmanager):
    assert not held_back(alertmanager, DOWN, {"alertname": "FraudStoreDown", "job": "another"})
