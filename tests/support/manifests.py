"""The Kubernetes manifests as `kubectl kustomize` renders them, and what is in them."""

import os
import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
RAY_OVERLAYS = ("production/ray/cluster", "production/ray/score", "production/ray/tune")
OVERLAYS = ("dev", "production", "production/migrations", *RAY_OVERLAYS)

KEYS = {"AWS_ACCESS_KEY_ID": "an-id", "AWS_SECRET_ACCESS_KEY": "a-secret"}
"""What the person who follows the page has in the environment."""

Object = dict[str, Any]


def kubectl() -> str:
    """The program. Without it the test is skipped; where REQUIRE_KUBECTL is set, as in CI, it fails."""
    found = shutil.which("kubectl")
    if found is None:
        absent = pytest.fail if os.environ.get("REQUIRE_KUBECTL") else pytest.skip
        absent("no kubectl here, which renders the manifests: https://kubernetes.io/docs/tasks/tools/")
    return found


def rendered(overlay: str, folder: Path) -> list[Object]:
    """The objects of an overlay in a copy of `deploy/`."""
    path = folder / "deploy" / "kubernetes" / "overlays" / overlay
    done = subprocess.run([kubectl(), "kustomize", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"kustomize warns: {done.stderr}"
    return list(yaml.safe_load_all(done.stdout))


def copy_with_secrets(folder: Path) -> Path:
    """A copy of `deploy/` with the secrets that docs/how-to/kubernetes.md tells to make, made by its own commands."""
    shutil.copytree(DEPLOY, folder / "deploy", ignore=shutil.ignore_patterns("secrets"))
    certificate = folder / "ca.crt"
    certificate.write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    commands = _shell_block("# the secrets").replace("/path/to/ca.crt", str(certificate))
    for block in (commands, _shell_block("# the keys of object storage")):
        subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=folder, check=True, env=os.environ | KEYS)
    return folder


def _shell_block(first_line: str) -> str:
    page = (PROJECT / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
    [block] = [block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if block.startswith(first_line)]
    return block


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [each for each in objects if each["kind"] in kinds]


def the(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The one object of that kind (and name)."""
    [found] = [each for each in of_kind(objects, kind) if name in {None, each["metadata"]["name"]}]
    return found


def templates(each: Object) -> Iterator[tuple[str, Object]]:
    """Name and template of the pods that a workload makes."""
    name, specification = f"{each['kind']}/{each['metadata']['name']}", each.get("spec", {})
    cluster = specification if each["kind"] == "RayCluster" else specification.get("rayClusterSpec")
    if cluster is not None:
        yield f"{name}/head", cluster["headGroupSpec"]["template"]
        yield from ((f"{name}/{group['groupName']}", group["template"]) for group in cluster["workerGroupSpecs"])
        if "submitterPodTemplate" in specification:
            yield f"{name}/submitter", specification["submitterPodTemplate"]
    else:
        template = specification.get("jobTemplate", {}).get("spec", specification).get("template")
        if template is not None:
            yield name, template


def pods(objects: list[Object]) -> Iterator[tuple[str, Object, Object]]:
    """Kind and name, labels, and specification of the pods that the workloads make."""
    for each in objects:
        for name, template in templates(each):
            yield name, template["metadata"]["labels"], template["spec"]


def containers(pod: Object) -> list[Object]:
    """All of them: those that run, those that run before, and those that are put in while debugging."""
    return [*pod["containers"], *pod.get("initContainers", ()), *pod.get("ephemeralContainers", ())]


def environment(container: Object, objects: list[Object]) -> dict[str, str]:
    """What the container's variables are; those from a Secret are that Secret's text."""
    given: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        given |= the(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", ()):
        if "value" in variable:
            given[variable["name"]] = variable["value"]
        else:
            wanted = variable["valueFrom"]["secretKeyRef"]
            given[variable["name"]] = secret(the(objects, "Secret", wanted["name"]), wanted["key"])
    return given


def secret(found: Object, key: str) -> str:
    return b64decode(found["data"][key]).decode()


def quantity(text: str) -> float:
    """A quantity of Kubernetes: `1500m`, `1Gi`, `2`."""
    factors = {"m": 1e-3, "k": 1e3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "": 1}
    number, unit = re.fullmatch(r"([\d.]+)(\D*)", str(text)).groups()
    return float(number) * factors[unit]
