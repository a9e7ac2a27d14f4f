"""Who may reach whom: nobody, but for what is listed here."""

from urllib.parse import urlsplit

import pytest

from fraud_detection_api.settings import Settings
from support.manifests import environment, of_kind, pods, the

SERVER, RETRAIN, MIGRATE = "Deployment/fraud-detection-api", "CronJob/retrain", "Job/migrate-store"


def policies_for(objects, name):
    labels = next(labels for pod, labels, _ in pods(objects) if pod == name)
    return {policy["metadata"]["name"] for policy in of_kind(objects, "NetworkPolicy") if chosen(policy, labels)}


def chosen(policy, labels):
    selector = policy["spec"]["podSelector"]
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def test_nothing_is_allowed_that_no_policy_allows(overlay):
    deny = the(overlay, "NetworkPolicy", "deny-all")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_no_policy_is_open_to_all(overlay):
    for policy in of_kind(overlay, "NetworkPolicy"):
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, ()):
                assert rule[peers]
                assert rule["ports"]
                assert all(peer.get("namespaceSelector") or peer.get("ipBlock") for peer in rule[peers])


def test_each_pod_gets_what_it_needs(manifests):
    ground = {"deny-all", "resolve-names"}
    assert policies_for(manifests["dev"], SERVER) == ground | {"be-asked-for-scores"}
    assert policies_for(manifests["production"], SERVER) == ground | {
        *("be-asked-for-scores", "be-scraped"),
        *("reach-postgres", "reach-mlflow"),
    }
    assert policies_for(manifests["production"], RETRAIN) == ground | {"reach-postgres", "reach-mlflow"}
    assert policies_for(manifests["production/migrations"], MIGRATE) == ground | {"reach-postgres"}


@pytest.mark.parametrize(("overlay", "name"), [("cluster", "RayCluster/fraud-ray"), ("score", "RayJob/score-files")])
def test_nodes_of_ray_reach_each_other_and_object_storage_and_the_head_alone_the_registry(manifests, overlay, name):
    objects = manifests[f"production/ray/{overlay}"]
    node = {"deny-all", "resolve-names", "be-a-ray-node", "reach-object-storage"}
    assert policies_for(objects, f"{name}/head") == node | {"take-ray-jobs", "reach-mlflow"}
    assert policies_for(objects, f"{name}/workers") == node


def test_the_submitter_reaches_the_heads_dashboard_alone(manifests):
    objects = manifests["production/ray/score"]
    assert policies_for(objects, "RayJob/score-files/submitter") == {"deny-all", "resolve-names", "submit-ray-jobs"}
    [rule] = the(objects, "NetworkPolicy", "submit-ray-jobs")["spec"]["egress"]
    assert [port["port"] for port in rule["ports"]] == [8265]


def test_the_dashboard_of_ray_is_open_to_the_submitter_and_the_operator_alone(manifests):
    [rule] = the(manifests["production/ray/cluster"], "NetworkPolicy", "take-ray-jobs")["spec"]["ingress"]
    assert [peer["podSelector"]["matchLabels"] for peer in rule["from"]] == [
        {"app.kubernetes.io/name": "fraud-detection-api", "app.kubernetes.io/component": "ray-submitter"},
        {"app.kubernetes.io/name": "kuberay-operator"},
    ]


def test_object_storage_may_be_reached_where_its_address_is(manifests):
    objects = manifests["production/ray/score"]
    [worker] = next(pod for name, _, pod in pods(objects) if name.endswith("workers"))["containers"]
    [rule] = the(objects, "NetworkPolicy", "reach-object-storage")["spec"]["egress"]
    reached(rule, environment(worker, objects)["AWS_ENDPOINT_URL"])


def test_callers_and_prometheus_reach_the_servers_port(production):
    for name in ("be-asked-for-scores", "be-scraped"):
        [rule] = the(production, "NetworkPolicy", name)["spec"]["ingress"]
        assert rule["ports"] == [{"protocol": "TCP", "port": "http"}]


def test_names_are_resolved_by_the_clusters_own_server(production):
    [rule] = the(production, "NetworkPolicy", "resolve-names")["spec"]["egress"]
    assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {("UDP", 53), ("TCP", 53)}


@pytest.mark.parametrize(("policy", "setting"), [("reach-postgres", "store"), ("reach-mlflow", "registry")])
def test_where_settings_point_may_be_reached(production, policy, setting):
    [container] = the(production, "Deployment")["spec"]["template"]["spec"]["containers"]
    address = getattr(Settings.from_environment(environment(container, production)), setting).removeprefix("mlflow:")
    [rule] = the(production, "NetworkPolicy", policy)["spec"]["egress"]
    reached(rule, address)


def reached(rule, address):
    """Assert that the rule lets pods reach the address, which is in a namespace of the cluster."""
    parts = urlsplit(address)
    assert rule["ports"] == [
        {"protocol": "TCP", "port": parts.port or {"postgresql": 5432, "https": 443}[parts.scheme]}
    ]
    _, namespace, *domain = parts.hostname.split(".")
    assert domain == ["svc", "cluster", "local"]
    [peer] = rule["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": namespace}
