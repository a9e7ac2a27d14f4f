"""Locked packages are checked against advisories, also against a copy of them, and what was not checked fails."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from requirements import audit

HASH = "0" * 64


def advisory(number: int, *events: dict[str, str], versions=(), ecosystem="PyPI", name="Some.Package") -> dict:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges, "versions": list(versions)}
    return {"id": f"PYSEC-{number}", "modified": "2026-11-20T00:00:00Z", "affected": [affected]}


def copy_of(folder: Path, *advisories: dict) -> Path:
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w") as copy:
        for one in advisories:
            copy.writestr(f"{one['id']}.json", json.dumps(one))
    return path


KINDS = {
    "since ever, fixed": [{"introduced": "0"}, {"fixed": "2.0"}],
    "last affected": [{"introduced": "1.0"}, {"last_affected": "1.9.9"}],
    "twice": [{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "1.5"}, {"fixed": "2.0"}],
    "never fixed": [{"introduced": "1.9"}],
}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.9", {"since ever, fixed", "twice"}),
        ("1.2", {"since ever, fixed", "last affected"}),
        ("1.9.9", set(KINDS)),
        ("2.0rc1", {"since ever, fixed", "twice", "never fixed"}),
        ("2.0", {"never fixed"}),
        ("1.10", {"since ever, fixed", "twice", "never fixed"}),
    ],
)
def test_a_version_is_affected_as_the_ranges_say(version, expected, tmp_path):
    kinds = dict(enumerate(KINDS))
    copy = copy_of(tmp_path, *(advisory(number, *KINDS[kind]) for number, kind in kinds.items()))
    found = audit.affecting(audit.read_advisories(copy), "some_package", version)
    assert {kinds[int(one["id"].removeprefix("PYSEC-"))] for one in found} == expected


def test_a_listed_version_is_affected_and_another_package_or_ecosystem_is_not(tmp_path):
    others = [advisory(2, versions=["1.0"], name="other"), advisory(3, versions=["1.0"], ecosystem="npm")]
    advisories = audit.read_advisories(copy_of(tmp_path, advisory(1, versions=["1.0"]), *others))
    assert [one["id"] for one in audit.affecting(advisories, "some-package", "1.0")] == ["PYSEC-1"]
    assert audit.affecting(advisories, "some-package", "1.1") == []


@pytest.mark.parametrize(("version", "status"), [("1.0", 1), ("1.1", 0)])
def test_pip_audit_asks_the_copy(version, status, tmp_path, monkeypatch):
    (tmp_path / "one.txt").write_text(f"some-package=={version} --hash=sha256:{HASH}\n")
    monkeypatch.setattr(audit, "HERE", tmp_path)
    monkeypatch.setattr(audit, "FILES", ("one.txt",))
    monkeypatch.setattr(sys, "argv", ["audit", "--advisories", str(copy_of(tmp_path, advisory(1, versions=["1.0"])))])
    assert audit.main() == status


def test_advisories_that_cannot_be_reached_fail_the_audit(tmp_path, monkeypatch):
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    (tmp_path / "one.txt").write_text(f"some-package==1.0 --hash=sha256:{HASH}\n")
    monkeypatch.setattr(audit, "HERE", tmp_path)
    monkeypatch.setattr(audit, "FILES", ("one.txt",))
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["audit"])
    assert audit.main() != 0


def test_a_copy_without_advisories_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="no advisories"):
        audit.read_advisories(copy_of(tmp_path))


def test_the_bill_of_materials_is_valid_and_names_what_is_locked():
    written = subprocess.run(
        [sys.executable, "requirements/sbom.py", "serve", "postgres"],
        cwd=audit.HERE.parent,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert not JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    names = {component["name"] for component in json.loads(written)["components"]}
    assert {"fastapi", "psycopg", "numba"} <= names
    assert "pytest" not in names
    lines = {line for name in ("serve", "postgres") for line in (audit.HERE / f"{name}.txt").read_text().splitlines()}
    assert names == {line.partition("==")[0].partition("[")[0] for line in lines if "==" in line and line[0] != " "}
