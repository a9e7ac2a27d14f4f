"""The Postman collection, run by newman against a real server."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.servers import running_server

POSTMAN = Path(__file__).parents[2] / "postman"
COLLECTION = POSTMAN / "fraud-detection-api.postman_collection.json"
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
def test_collection_passes_and_leaves_the_registry_as_it_was(
    newman: Path, own_registry: Path, tmp_path: Path, key, promise
):
    before = contents(own_registry)
    keys = {"FRAUD_API_KEYS": f"admin:{key}"} if key else {}
    with running_server(own_registry, tmp_path / "server.log", **keys) as server:
        run = run_collection(newman, server.url, key, tmp_path / "report.json")
    assertions = run["stats"]["assertions"]
    promise("assertions of the Postman collection", measured=assertions["total"], bound=100, at_least=True)
    failures = run["failures"]
    promise("assertions of the Postman collection that fail", measured=len(failures), bound=0, faults=failures)
    assert contents(own_registry) == before


def run_collection(newman: Path, url: str, key: str, report: Path) -> dict:
    """The run's part of newman's JSON report; fails where newman does."""
    command = [str(newman), "run", str(COLLECTION)]
    variables = ["--env-var", f"base_url={url}", "--env-var", f"api_key={key}"]
    reporters = ["--reporters", "cli,json", "--reporter-json-export", str(report)]
    full = [*command, *variables, *reporters, "--reporter-cli-no-success-assertions", "--color", "off"]
    done = subprocess.run(full, check=False, capture_output=True, text=True, timeout=120)
    assert report.is_file(), done.stdout + done.stderr
    return json.loads(report.read_text())["run"]


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of every file, by path, except the lock's, which holds nothing."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
