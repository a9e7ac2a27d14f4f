"""Check locked dependencies for known vulnerabilities: `make audit [ADVISORIES=all.zip]`.

pip-audit asks PyPI. Where PyPI's advisories cannot be reached, it asks a copy of the OSV database of PyPI: a zip file of one
JSON document an advisory, as https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip is. A package that cannot be
checked fails the audit: an audit that could not look has found nothing out.
"""

import argparse
import json
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

HERE = Path(__file__).resolve().parent
FILES = ("development.txt", "docs.txt", "kuberay.txt", "train-gpu.txt")

Advisories = Mapping[str, list[dict[str, Any]]]
"""Advisories in OSV's schema, by the canonical name of each package that they affect."""


def main() -> int:
    """The exit status of pip-audit."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--advisories", type=Path, metavar="ZIP", help="a copy of OSV's advisories of PyPI")
    asked = parser.parse_args()
    if asked.advisories is None:
        status = _audit()
        if status:
            print(
                "If the advisories cannot be reached from here, use a copy: make audit ADVISORIES=all.zip",
                file=sys.stderr,
            )
        return status
    advisories = read_advisories(asked.advisories)
    count = len({one["id"] for found in advisories.values() for one in found})
    newest = max((one.get("modified", "") for found in advisories.values() for one in found), default="")
    print(f"{asked.advisories}: {count:,} advisories, the newest of {newest[:10]}", file=sys.stderr)
    with serving(advisories) as url:
        return _audit("--vulnerability-service", "osv", "--osv-url", url)


def _audit(*options: str) -> int:
    files = [option for name in FILES for option in ("--requirement", str(HERE / name))]
    command = [sys.executable, "-m", "pip_audit", *files, "--require-hashes", "--disable-pip", "--strict", *options]
    return subprocess.run(command, check=False).returncode


def read_advisories(path: Path) -> Advisories:
    """The advisories of a zip file that holds a JSON document for each."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with zipfile.ZipFile(path) as copy:
        for name in copy.namelist():
            advisory = json.loads(copy.read(name))
            for package in {canonicalize_name(each["package"]["name"]) for each in _of_pypi(advisory)}:
                found[package].append(advisory)
    if not found:
        sys.exit(f"{path} holds no advisories of PyPI")
    return found


def affecting(advisories: Advisories, name: str, version: str) -> list[dict[str, Any]]:
    """The advisories that affect a version. Source: "Evaluation", in OSV's schema."""
    package = canonicalize_name(name)
    return [
        advisory
        for advisory in advisories.get(package, [])
        if any(
            _affects(each, version)
            for each in _of_pypi(advisory)
            if canonicalize_name(each["package"]["name"]) == package
        )
    ]


def _of_pypi(advisory: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (each for each in advisory.get("affected", []) if each.get("package", {}).get("ecosystem") == "PyPI")


def _affects(affected: dict[str, Any], version: str) -> bool:
    ranges = [each["events"] for each in affected.get("ranges", []) if each["type"] == "ECOSYSTEM"]
    return version in affected.get("versions", []) or any(_within(events, Version(version)) for events in ranges)


def _within(events: list[dict[str, str]], version: Version) -> bool:
    """Whether the last event at or before the version leaves it vulnerable. `last_affected` is the last that is."""
    vulnerable = False
    for kind, limit in sorted(((*event.items(),)[0] for event in events), key=lambda event: _version(event[1])):
        if kind == "introduced" and version >= _version(limit):
            vulnerable = True
        elif (kind == "fixed" and version >= _version(limit)) or (
            kind == "last_affected" and version > _version(limit)
        ):
            vulnerable = False
    return vulnerable


def _version(text: str) -> Version:
    try:
        return Version(text)  # "0" is before all, as OSV says
    except InvalidVersion:
        return Version("0")


@contextmanager
def serving(advisories: Advisories) -> Iterator[str]:
    """The URL of a server that answers queries as OSV's API does, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            vulnerabilities = affecting(advisories, query["package"]["name"], query["version"])
            body = json.dumps({"vulns": vulnerabilities} if vulnerabilities else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
