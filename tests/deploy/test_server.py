"""The server's Deployment: how it starts, is asked, is replaced and is stopped without dropping a request."""

import re

import pytest

from fraud_detection_api.settings import Settings
from support.manifests import PROJECT, environment, of_kind, pods, quantity, the

BENCHMARKS = (PROJECT / "docs" / "explanation" / "benchmarks.md").read_text(encoding="utf-8")


def measured_memory():
    """Bytes of a worker and of the decision writer after the load, with the store that takes more."""
    rows = re.findall(r"^\| this product, storing in .*? \| .*? \| .*? \| (\d+) \+ (\d+)", BENCHMARKS, re.MULTILINE)
    workers, writers = zip(*rows, strict=True)
    return max(map(int, workers)) * 1e6, max(map(int, writers)) * 1e6


def measured_rate():
    """Requests a second of one worker at its limit that stores in PostgreSQL, one record a request."""
    section = BENCHMARKS.split("## One record a request, 32 connections")[1]
    return float(re.search(r"`/fraud_detection`, stored in PostgreSQL \| ([\d,]+)", section)[1].replace(",", ""))


@pytest.fixture(params=["dev", "production"])
def server_overlay(request, manifests):
    return manifests[request.param]


@pytest.fixture
def deployment(server_overlay):
    return the(server_overlay, "Deployment")


@pytest.fixture
def server(deployment):
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    return container


def test_it_is_alive_by_livez_and_gets_requests_by_readyz(server):
    assert server["startupProbe"]["httpGet"]["path"] == "/livez"
    assert server["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_it_has_ten_times_as_long_to_start_as_the_slowest_start_that_was_measured(server):
    probe = server["startupProbe"]
    assert (
        probe["periodSeconds"] * probe["failureThreshold"] >= 10 * 4.51
    )  # docs/explanation/benchmarks.md, nothing compiled before


def test_it_is_not_ended_for_a_pause_of_half_a_minute(server):
    probe = server["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 30


def test_it_gets_no_more_requests_within_seconds_of_not_being_ready(server):
    probe = server["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] <= 10


def test_it_is_let_finish(deployment, server, server_overlay):
    settings = Settings.from_environment(environment(server, server_overlay))
    command, seconds = server["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= int(seconds) + settings.linger_seconds + settings.drain_seconds + 10


def test_it_lingers_for_longer_than_a_balancer_takes_to_see_that_it_is_not_ready(server, server_overlay):
    probe = server["readinessProbe"]
    settings = Settings.from_environment(environment(server, server_overlay))
    assert settings.linger_seconds > probe["periodSeconds"] * probe["failureThreshold"]


def test_memory_is_what_its_processes_were_measured_to_take(server, server_overlay):
    worker, keeper = measured_memory()
    workers = Settings.from_environment(environment(server, server_overlay)).workers
    assert workers == 1, "more have a process that supervises them: size for it"
    observer = worker  # it holds a model too
    assert quantity(server["resources"]["requests"]["memory"]) >= worker + keeper + observer
    assert quantity(server["resources"]["limits"]["memory"]) >= 1.5 * (worker + keeper + observer)


def test_the_service_sends_requests_to_the_servers_alone(server_overlay):
    service = the(server_overlay, "Service")
    chosen = [name for name, labels, _ in pods(server_overlay) if service["spec"]["selector"].items() <= labels.items()]
    assert chosen == ["Deployment/fraud-detection-api"]
    assert service["spec"]["type"] == "ClusterIP"
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]


def test_the_selector_names_what_never_changes(deployment):
    labels = {"app.kubernetes.io/name": "fraud-detection-api", "app.kubernetes.io/component": "server"}
    assert deployment["spec"]["selector"] == {"matchLabels": labels}


def test_replicas_are_spread_over_nodes_and_where_possible_over_zones(deployment):
    selector = deployment["spec"]["selector"]
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert {each["topologyKey"]: each["whenUnsatisfiable"] for each in spread} == {
        "topology.kubernetes.io/zone": "ScheduleAnyway",
        "kubernetes.io/hostname": "DoNotSchedule",
    }
    for each in spread:
        assert each["maxSkew"] == 1
        assert each["labelSelector"] == selector
        assert each["matchLabelKeys"] == ["pod-template-hash"]  # else a roll-out would count the pods that it replaces


def test_in_production_a_new_pod_is_ready_before_an_old_one_goes(production):
    assert the(production, "Deployment")["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }


def test_in_production_the_autoscaler_alone_says_how_many(production):
    deployment, scaler = the(production, "Deployment"), the(production, "HorizontalPodAutoscaler")
    assert "replicas" not in deployment["spec"]
    assert scaler["apiVersion"] == "autoscaling/v2"
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert 3 <= scaler["spec"]["minReplicas"] < scaler["spec"]["maxReplicas"]


def test_in_production_it_scales_by_the_processor_and_by_requests(production):
    metrics = the(production, "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert [each["type"] for each in metrics] == ["Resource", "Pods"]
    assert metrics[0]["resource"]["name"] == "cpu"
    wanted = quantity(metrics[1]["pods"]["target"]["averageValue"])
    limit = measured_rate()
    assert 0.3 * limit < wanted < 0.6 * limit


def test_in_production_one_pod_at_a_time_may_be_taken_away(production):
    budget, deployment = the(production, "PodDisruptionBudget"), the(production, "Deployment")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]
    assert the(production, "HorizontalPodAutoscaler")["spec"]["minReplicas"] > 1


def test_in_production_decisions_are_in_postgresql_and_a_lost_store_refuses(production):
    [container] = the(production, "Deployment")["spec"]["template"]["spec"]["containers"]
    settings = Settings.from_environment(environment(container, production))
    assert settings.store.startswith("postgresql://")
    assert "sslmode=verify-full" in settings.store
    assert settings.store_outage == "refuse"
    assert settings.registry.startswith("mlflow:https://")


def test_in_production_callers_need_keys(production):
    [container] = the(production, "Deployment")["spec"]["template"]["spec"]["containers"]
    settings = Settings.from_environment(environment(container, production))
    assert settings.api_keys_file is not None
    assert settings.allow_anonymous is False


def test_in_dev_there_is_one_writer_of_the_sqlite_file(dev):
    deployment = the(dev, "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert not of_kind(dev, "HorizontalPodAutoscaler")
    assert all(each["spec"]["accessModes"] == ["ReadWriteOnce"] for each in of_kind(dev, "PersistentVolumeClaim"))


def test_in_dev_decisions_and_models_are_on_volumes(dev):
    [container] = the(dev, "Deployment")["spec"]["template"]["spec"]["containers"]
    settings = Settings.from_environment(environment(container, dev))
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    assert settings.store == "sqlite:////app/store/decisions.db"
    assert mounts["/app/store"] == "store"
    assert mounts[settings.registry] == "registry"
