"""What Prometheus' operator and the autoscaler's adapter are told, and that it is what a Prometheus by itself is told."""

import importlib.util
import re

import yaml

from support.manifests import DEPLOY, PROJECT, secret, the

RULES = DEPLOY / "monitoring" / "rules"
ADAPTER = yaml.safe_load((DEPLOY / "kubernetes" / "prometheus-adapter-values.yaml").read_text(encoding="utf-8"))


def generator():
    spec = importlib.util.spec_from_file_location("generate_rules", DEPLOY / "kubernetes" / "generate_rules.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_rules_are_written_anew_from_those_of_a_prometheus_without_operator():
    written = generator()
    assert written.TARGET.read_text(encoding="utf-8") == written.rules(), "run `make docs`"


def test_the_operator_gets_every_rule_as_it_is(production):
    plain = [group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    assert plain
    assert the(production, "PrometheusRule")["spec"]["groups"] == plain


def test_the_job_has_the_name_that_the_alerts_have(production):
    monitor, service = the(production, "ServiceMonitor"), the(production, "Service")
    job = service["metadata"]["labels"][monitor["spec"]["jobLabel"]]
    assert f'job="{job}"' in (RULES / "alerts.yml").read_text(encoding="utf-8")


def test_the_monitor_finds_the_service_and_its_port(production):
    monitor, service = the(production, "ServiceMonitor"), the(production, "Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert {each["port"] for each in monitor["spec"]["endpoints"]} == {
        each["name"] for each in service["spec"]["ports"]
    }
    assert {each["path"] for each in monitor["spec"]["endpoints"]} == {"/metrics"}


def test_prometheus_has_a_key_that_the_servers_know(production):
    [endpoint] = the(production, "ServiceMonitor")["spec"]["endpoints"]
    named = endpoint["authorization"]["credentials"]
    key = secret(the(production, "Secret", named["name"]), named["key"])
    [keys] = [each for each in production if each["kind"] == "Secret" and "api-keys" in each["data"]]
    assert f"monitor:{key}" in secret(keys, "api-keys").splitlines()


def test_the_adapter_serves_the_metric_that_the_autoscaler_wants(production):
    [pods] = [each["pods"] for each in the(production, "HorizontalPodAutoscaler")["spec"]["metrics"] if "pods" in each]
    [rule] = ADAPTER["rules"]["custom"]
    assert rule["name"]["as"] == pods["metric"]["name"]
    assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}


def test_the_adapter_asks_for_series_that_there_are():
    [rule] = ADAPTER["rules"]["custom"]
    known = (PROJECT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    for text in (rule["seriesQuery"], rule["metricsQuery"]):
        assert set(re.findall(r"fraud_\w+(?=\{)", text)) == {"fraud_http_requests_total"}
    assert "`fraud_http_requests_total`" in known
