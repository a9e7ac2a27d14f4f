"""Every object is one that Kubernetes takes: nothing is misspelt, nothing is of a version that is not served."""

import kubernetes_validate
import pytest
from kubernetes_validate.utils import all_versions

from support.manifests import OVERLAYS, templates
from support.operator_schemas import SCHEMAS, validate_operator_object

OLDEST = "1.29"
"""What docs/how-to/kubernetes.md promises."""

VERSIONS = [
    version
    for version in dict.fromkeys(".".join(each.split(".")[:2]) for each in all_versions())
    if tuple(map(int, version.split("."))) >= tuple(map(int, OLDEST.split(".")))
]


BETWEEN = [pytest.param(version, marks=pytest.mark.slow) for version in VERSIONS[1:-1]]


@pytest.mark.parametrize("version", [VERSIONS[0], *BETWEEN, VERSIONS[-1]])
@pytest.mark.parametrize("name", OVERLAYS)
def test_every_object_is_what_that_version_of_kubernetes_takes(manifests, name, version):
    for each in manifests[name]:
        if each["kind"] not in SCHEMAS:
            kubernetes_validate.validate(each, version, strict=True)
        for pod, template in templates(each):
            found = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": pod}, "template": template}
            kubernetes_validate.validate(found, version, strict=True)


def test_the_objects_of_operators_are_what_they_take(overlay):
    for each in overlay:
        if each["kind"] in SCHEMAS:
            validate_operator_object(each)


def test_the_schemas_reach_from_the_oldest_promised_version_to_the_newest_known_one():
    assert VERSIONS[0] == OLDEST
    assert len(VERSIONS) > 5


def test_a_misspelt_field_is_found(production):
    [deployment] = [each for each in production if each["kind"] == "Deployment"]
    wrong = {**deployment, "spec": {**deployment["spec"], "replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, OLDEST, strict=True)


def test_a_misspelt_field_of_a_node_of_ray_is_found(manifests):
    [(pod, template)] = [
        each for job in manifests["production/ray/score"] for each in templates(job) if "head" in each[0]
    ]
    wrong = {**template, "spec": {**template["spec"], "volume": []}}
    found = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": pod}, "template": wrong}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(found, OLDEST, strict=True)


def test_a_misspelt_field_of_rays_operator_is_found(manifests):
    [job] = [each for each in manifests["production/ray/score"] if each["kind"] == "RayJob"]
    wrong = {**job, "spec": {**job["spec"], "ttlSecondsAfterFinish": 1}}
    with pytest.raises(Exception, match="ttlSecondsAfterFinish"):
        validate_operator_object(wrong)


def test_a_misspelt_field_of_prometheus_operator_is_found(production):
    [monitor] = [each for each in production if each["kind"] == "ServiceMonitor"]
    wrong = {**monitor, "spec": {**monitor["spec"], "jobLabels": "name"}}
    with pytest.raises(Exception, match="jobLabels"):
        validate_operator_object(wrong)
