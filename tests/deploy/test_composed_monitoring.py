"""The composed Prometheus, Alertmanager and Grafana, as far as their files can show them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from support.prometheus import MONITORING

PROJECT = MONITORING.parents[1]
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = {name: COMPOSE["services"][name] for name in ("prometheus", "alertmanager", "grafana")}
DATA = {"prometheus": "/prometheus", "alertmanager": "/alertmanager", "grafana": "/var/lib/grafana"}


def mounts(service: str) -> dict[str, str]:
    """What is mounted, as it comes, by its place in the container; a writable one's place alone ends without `:ro`."""
    return {
        re.sub(r"\$\{\w+:-(.*?)\}", r"\1", mount).split(":", 1)[1]: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", mount).split(
            ":"
        )[0]
        for mount in SERVICES[service]["volumes"]
    }


@pytest.mark.parametrize("service", SERVICES)
def test_images_are_pinned_to_a_version(service):
    assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", SERVICES[service]["image"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_writes_to_its_volume_and_tmp_alone(service):
    assert SERVICES[service]["read_only"] is True
    assert SERVICES[service]["tmpfs"] == ["/tmp"]
    writable = {place: source for place, source in mounts(service).items() if not place.endswith(":ro")}
    assert writable == {DATA[service]: service}
    assert service in COMPOSE["volumes"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_there(service):
    sources = [source for source in mounts(service).values() if source.startswith("./")]
    assert sources
    assert [source for source in sources if not (PROJECT / source).exists()] == []
    assert {source for source in mounts(service).values() if source[0] not in "./"} <= set(COMPOSE["volumes"])


@pytest.mark.parametrize(
    ("service", "path"), [("prometheus", "/-/ready"), ("alertmanager", "/-/ready"), ("grafana", "/api/health")]
)
def test_a_service_is_healthy_when_it_answers(service, path):
    [port] = SERVICES[service]["ports"]
    assert SERVICES[service]["healthcheck"]["test"][-1] == f"http://127.0.0.1:{port.split(':')[2]}{path}"


def test_the_scraped_targets_are_services_at_their_ports():
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
    ports = {
        name: str(service["ports"][0]).split(":")[2]
        for name, service in COMPOSE["services"].items()
        if "ports" in service
    }
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert targets["fraud-detection-api"] == [f"fraud_detection_api:{ports['fraud_detection_api']}"]
    assert targets["alertmanager"] == [f"alertmanager:{ports['alertmanager']}"]
    assert config["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": targets["alertmanager"]}]}]


def test_the_key_is_where_the_scrape_configuration_looks_for_it_and_empty_as_it_comes():
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
    file = config["scrape_configs"][0]["authorization"]["credentials_file"]
    assert mounts("prometheus")[f"{file}:ro"] == "/dev/null"


def test_rules_reach_as_far_back_as_prometheus_keeps():
    [option] = [word for word in SERVICES["prometheus"]["command"] if "retention.time" in word]
    ranges = re.findall(r"\[(\d+)d", "".join(path.read_text() for path in (MONITORING / "rules").glob("*.yml")))
    assert int(option.split("=")[1].removesuffix("d")) >= 2 * max(map(int, ranges))


@pytest.mark.parametrize(("password", "starts"), [("", False), ("correct horse", True)])
def test_grafana_does_not_start_without_a_password(password, starts):
    assert SERVICES["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-}"
    script = SERVICES["grafana"]["entrypoint"][-1].replace("$$", "$").replace("exec /run.sh", "exec echo started")
    done = subprocess.run(
        ["sh", "-c", script], env={"GF_SECURITY_ADMIN_PASSWORD": password}, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0, done.stdout == "started\n") == (starts, starts)
    assert ("GRAFANA_PASSWORD" in done.stderr) is not starts


def test_grafana_finds_its_dashboards_where_they_are_mounted():
    folder = MONITORING / "grafana" / "provisioning" / "dashboards"
    [provider] = yaml.safe_load((folder / "fraud.yml").read_text(encoding="utf-8"))["providers"]
    assert mounts("grafana")[f"{provider['options']['path']}:ro"] == "./deploy/monitoring/grafana/dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (MONITORING / "grafana" / "dashboards" / Path(home).name).exists()


@pytest.mark.parametrize("command", [["docker-compose"], ["docker", "compose"]], ids=" ".join)
def test_compose_reads_the_profile(command):
    if (
        shutil.which(command[0]) is None
        or subprocess.run([*command, "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"no {' '.join(command)} here")
    done = subprocess.run(
        [*command, "--profile", "monitoring", "config", "--quiet"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
