"""The Postman collection, run by newman against a real server; and whether it covers every route."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fraud_detection_api.main import create_app
from fraud_detection_api.settings import Settings
from support.servers import running_server

POSTMAN = Path(__file__).parents[2] / "postman"
COLLECTION = POSTMAN / "fraud-detection-api.postman_collection.json"
ENVIRONMENT = POSTMAN / "local.postman_environment.json"
ADMIN_KEY = "an-admin-key-of-the-tests"


@pytest.fixture(scope="session")
def newman() -> Path:
    """The pinned newman, installed on first use."""
    npm = shutil.which("npm")
    if npm is None:
        if os.environ.get("CI") == "true":
            pytest.fail("npm is not installed: the Postman collection cannot be run")
        pytest.skip("npm is not installed: the Postman collection is not run")
    pinned = json.loads((POSTMAN / "package.json").read_text())["devDependencies"]["newman"]
    installed = POSTMAN / "node_modules" / "newman" / "package.json"
    with (POSTMAN / "package-lock.json").open() as lock:
        # several test processes may get here at once, and npm empties the folder before it fills it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.is_file() or json.loads(installed.read_text())["version"] != pinned:
            install = subprocess.run([npm, "ci"], cwd=POSTMAN, check=False, capture_output=True, text=True, timeout=300)
            assert install.returncode == 0, install.stderr
    return POSTMAN / "node_modules" / ".bin" / "newman"


@pytest.fixture
def own_registry(file_registry_path: Path, tmp_path: Path) -> Path:
    return shutil.copytree(file_registry_path, tmp_path / "registry")


@pytest.mark.parametrize("key", ["", ADMIN_KEY], ids=["without_keys", "with_keys"])
def test_collection_passes_and_leaves_the_registry_as_it_was(newman: Path, own_registry: Path, tmp_path: Path, key):
    before = contents(own_registry)
    keys = {"FRAUD_API_KEYS": f"admin:{key}"} if key else {}
    with running_server(own_registry, tmp_path / "server.log", **keys) as server:
        run = run_collection(newman, server.url, key, tmp_path / "report.json")
    assert run["failures"] == []
    assert run["stats"]["assertions"]["total"] > 100
    assert run["stats"]["assertions"]["failed"] == 0
    assert contents(own_registry) == before


def test_every_route_has_a_request_with_assertions(file_registry_path: Path):
    assert routes_of_the_application(file_registry_path) <= routes_with_assertions()


def test_every_request_has_assertions_of_its_own():
    assert [item["name"] for item in requests_of_the_collection() if not asserts(item)] == []


def test_environment_holds_the_local_address_and_no_key():
    values = {entry["key"]: entry["value"] for entry in json.loads(ENVIRONMENT.read_text())["values"]}
    assert values == {"base_url": "http://127.0.0.1:8000", "api_key": ""}


def test_lock_binds_packages_by_content_and_not_by_host():
    packages = json.loads((POSTMAN / "package-lock.json").read_text())["packages"]
    installed = [package for path, package in packages.items() if path]
    assert len(installed) > 100
    assert all(package["integrity"].startswith("sha512-") for package in installed)
    assert not any("resolved" in package for package in installed)


def run_collection(newman: Path, url: str, key: str, report: Path) -> dict:
    """The run's part of newman's JSON report; fails where newman does."""
    command = [str(newman), "run", str(COLLECTION), "--environment", str(ENVIRONMENT)]
    variables = ["--env-var", f"base_url={url}", "--env-var", f"api_key={key}"]
    reporters = ["--reporters", "cli,json", "--reporter-json-export", str(report)]
    full = [*command, *variables, *reporters, "--reporter-cli-no-success-assertions", "--color", "off"]
    done = subprocess.run(full, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text())["run"]


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of every file, by path, except the lock's, which holds nothing."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def routes_of_the_application(registry: Path) -> set[tuple[str, str]]:
    app = create_app(Settings(registry=str(registry)))
    described = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    return described | {("GET", "/docs"), ("GET", "/openapi.json")}


def routes_with_assertions() -> set[tuple[str, str]]:
    return {(item["request"]["method"], template(item)) for item in requests_of_the_collection() if asserts(item)}


def template(item: dict) -> str:
    """The path as OpenAPI writes it: `/v1/models/{version}` for `/v1/models/:version`."""
    parts = item["request"]["url"]["path"]
    return "/" + "/".join(f"{{{part[1:]}}}" if part.startswith(":") else part for part in parts)


def asserts(item: dict) -> bool:
    return any("pm.test(" in line for event in item["event"] for line in event["script"]["exec"])


def requests_of_the_collection() -> list[dict]:
    return list(_requests(json.loads(COLLECTION.read_text(encoding="utf-8"))))


def _requests(folder: dict):
    for item in folder["item"]:
        if "item" in item:
            yield from _requests(item)
        else:
            yield item
