"""The server as Kubernetes runs it: a user without rights, its volumes alone writable, the settings of the manifests."""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import calls
from support.manifests import copy_with_secrets, environment, pods, rendered
from support.servers import FRAUD, clean_environment, wait_until_up

RECORD = {
    "customer_id": 345435,
    "number_of_open_accounts": 23,
    "total_credit_limit": 12345,
    "total_balance": 200000,
    "number_of_accounts_in_arrears": 2,
}
# $1: user; then folders that stay writable, `--`, the command. Reading is let through, for the tests' Python may be root's.
CONFINE = """
set -eu
user=$1; shift
mount --make-rprivate /
while [ "$1" != -- ]; do mount --bind "$1" "$1"; chown -R "$user:$user" "$1"; shift; done
shift
mount -o remount,bind,ro /
exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \\
  --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search -- "$@"
"""

KEPT_BESIDE_SOURCE = {"NUMBA_CACHE_LOCATOR_CLASSES": "fraud_detection_api.model.trees.numba_cache.BesideSource"}
"""As the image has it: compiled loops are read from where nobody can write."""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv"))),
    reason="only root can make file systems read-only for a process, with unshare and setpriv",
)


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    return rendered("dev", copy_with_secrets(tmp_path_factory.mktemp("manifests")))


@pytest.fixture
def pod(dev):
    [(_, _, found)] = pods(dev)
    return found


@pytest.fixture
def folder(file_registry_path):
    """Stands for `/`: the image's registry in `app`, and the volumes. Its path is short, as those of sockets must be."""
    with tempfile.TemporaryDirectory(prefix="confined-") as made:
        root = Path(made)
        root.chmod(0o755)  # SQLite asks by access(2), which leaves out what the process is capable of
        shutil.copytree(file_registry_path, root / "app" / "registry")
        for name in ("store", "registry", "tmp"):
            (root / "volumes" / name).mkdir(parents=True)
        yield root


def first_model(pod, folder):
    """Run the init container's own command on the folder."""
    [container] = pod["initContainers"]
    [script] = container["args"]
    script = script.replace("/volume", str(folder / "volumes" / "registry")).replace("/app/", f"{folder}/app/")
    subprocess.run([*container["command"], script], check=True)
    return folder / "volumes" / "registry"


def unmeasured(environment: dict[str, str]) -> dict[str, str]:
    """Without what makes a process write its coverage beside the code, which this one is not let write to."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}


def test_an_empty_volume_gets_the_images_model_and_keeps_its_own_afterwards(pod, folder):
    registry = first_model(pod, folder)
    assert sorted(path.name for path in registry.iterdir()) == ["aliases", "versions"]
    (registry / "aliases" / "champion").write_text("mine")
    first_model(pod, folder)
    assert (registry / "aliases" / "champion").read_text() == "mine"


def test_a_copy_that_was_killed_is_made_anew(pod, folder):
    registry = first_model(pod, folder)
    (registry / "aliases").rename(registry / ".first")  # between the two moves
    first_model(pod, folder)
    assert sorted(path.name for path in registry.iterdir()) == ["aliases", "versions"]
    assert (registry / "aliases" / "champion").is_file()
    assert not (registry / "versions" / "versions").exists()


def test_it_serves_keeps_and_ends_with_its_volumes_alone(dev, pod, folder):
    first_model(pod, folder)
    [container] = pod["containers"]
    volumes = folder / "volumes"
    given = {name: text.replace("/app/", f"{volumes}/") for name, text in environment(container, dev).items()}
    given |= {
        "FRAUD_HOST": "127.0.0.1",
        "FRAUD_PORT": "0",
        "HOME": "/nonexistent",
        **KEPT_BESIDE_SOURCE,
        "TMPDIR": str(volumes / "tmp"),
    }
    user = pod["securityContext"]["runAsUser"]
    writable = [str(volumes / name) for name in ("store", "registry", "tmp")]
    before = everything_but(volumes, folder)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "bash",
                "-c",
                CONFINE,
                "confine",
                str(user),
                *writable,
                "--",
                *FRAUD,
                *container["args"],
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(PYTHONDONTWRITEBYTECODE="1", **given),
            cwd="/",
        )
    try:
        server = wait_until_up(process, log, ready=True)
        assert calls.post(f"{server.url}/v1/decisions", json={"records": [RECORD]}).status_code == 200
        assert "fraud_records_scored_total" in calls.get(f"{server.url}/metrics").text
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert f"Uid:\t{user}\t{user}\t{user}" in status
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(pod["terminationGracePeriodSeconds"])
    assert everything_but(volumes, folder) - {log} == before
    assert stat.S_IMODE((volumes / "store" / "decisions.db").stat().st_mode) == 0o600
    assert list((volumes / "tmp").iterdir()) == []
    assert "Read-only file system" not in log.read_text(encoding="utf-8")


def everything_but(volumes, folder):
    return {path for path in folder.rglob("*") if not path.is_relative_to(volumes)}
