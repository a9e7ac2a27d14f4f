"""The exported requirement files say what poetry.lock says: on every machine the same packages, versions and hashes."""

import re
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "requirements"
LOCK = tomllib.loads((PROJECT / "poetry.lock").read_text(encoding="utf-8"))
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = set(DECLARED["project"]["optional-dependencies"])
DEVELOPMENT = {"main", "test", "lint", "notebook", "jupyter", "tracking"}
DEPLOYED = {"kuberay", "train-gpu"}
"""Extras that the development environment lacks: for containers alone, and instead of `train`."""

CONTENTS = {
    "serve": ({"main"}, set()),
    **{extra: ({"main"}, {extra}) for extra in sorted(EXTRAS)},
    "development": (DEVELOPMENT, EXTRAS - DEPLOYED),
    **{group: ({group}, set()) for group in ("docs", "browser", "installer", "benchmark")},
}
"""The groups and extras of each file."""

MACHINES = [
    {"python_version": version, "python_full_version": f"{version}.1", "sys_platform": system, "platform_system": name}
    for version in ("3.11", "3.12", "3.13", "3.14")
    for system, name in (("linux", "Linux"), ("darwin", "Darwin"))
]


def locked(groups: set[str], extras: set[str], machine: dict[str, str]) -> dict[str, tuple[str, set[str]]]:
    """Version and hashes of each package that the lock has for the machine."""
    return {
        package["name"]: (package["version"], {file["hash"] for file in package["files"]})
        for package in LOCK["package"]
        if any(holds(marker_of(package, group), extras, machine) for group in groups & set(package["groups"]))
    }


def marker_of(package: dict, group: str) -> str:
    markers = package.get("markers", "")
    return markers.get(group, "") if isinstance(markers, dict) else markers


def holds(marker: str, extras: set[str], machine: dict[str, str]) -> bool:
    return not marker or any(Marker(marker).evaluate({**machine, "extra": extra}) for extra in extras or {""})


def exported(name: str, machine: dict[str, str]) -> dict[str, tuple[str, set[str]]]:
    """Version and hashes of each package that an installer takes from the file on the machine."""
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    wanted = [
        (Requirement(line.partition(" --hash")[0]), set(re.findall(r"sha256:\w+", line))) for line in lines if line
    ]
    return {
        each.name: (str(each.specifier).removeprefix("=="), hashes)
        for each, hashes in wanted
        if each.marker is None or each.marker.evaluate(machine)
    }


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_holds_what_the_lock_holds(name):
    for machine in MACHINES:
        assert exported(name, machine) == locked(*CONTENTS[name], machine), "run `make lock`"


def test_every_file_and_every_group_is_accounted_for():
    assert {path.stem for path in FOLDER.glob("*.txt")} == CONTENTS.keys()
    assert set(DECLARED["dependency-groups"]) <= DEVELOPMENT | CONTENTS.keys()


def packages(name: str) -> set[str]:
    return {package for machine in MACHINES for package in exported(name, machine)}


def test_no_file_holds_boosters_for_processors_beside_those_for_gpus():
    """They are the same files: installed together, each would overwrite the other."""
    on_linux = [machine for machine in MACHINES if machine["sys_platform"] == "linux"]
    for name in CONTENTS:
        assert all(len({"xgboost", "xgboost-cpu"} & exported(name, machine).keys()) <= 1 for machine in on_linux), name


def test_training_on_a_gpu_differs_from_training_by_the_library_of_boosters_alone():
    assert packages("train-gpu") ^ packages("train") == {"xgboost-cpu", "nvidia-nccl-cu12", "nvidia-nccl-cu13"}


def test_nodes_of_kubernetes_run_the_ray_that_the_extra_ray_has():
    for machine in MACHINES:
        assert exported("kuberay", machine)["ray"] == exported("ray", machine)["ray"]


@pytest.fixture(scope="module")
def installing():
    spec = spec_from_file_location("install", FOLDER / "install.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_uv_reads_packages_from_where_pip_does(installing):
    pip = {"index-url": "https://mirror.example/simple", "find-links": "/a /b", "cert": "/ca.pem", "quiet": "1"}
    given = {"UV_DEFAULT_INDEX": "https://other.example/simple"}
    assert installing.uv_variables(pip, given) == {
        "UV_FIND_LINKS": "/a,/b",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_SYSTEM_CERTS": "1",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
