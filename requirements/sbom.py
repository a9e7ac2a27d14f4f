"""Write the bill of materials of an installation: `python3 requirements/sbom.py serve postgres > sbom.cdx.json`.

It names what the requirement files lock, in CycloneDX 1.6, the same bytes for the same files. Only the standard library is
used, because the image that it goes into has no tools.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent / "pyproject.toml"

_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Package(NamedTuple):
    """A locked package, and the SHA-256 of each file that may be installed."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package's URL. Source: the purl specification, type `pypi`."""
        return f"pkg:pypi/{re.sub('[-_.]+', '-', self.name).lower()}@{self.version}"


def main() -> None:
    """Print the bill of materials of the named requirement files."""
    if not sys.argv[1:]:
        sys.exit("name requirement files, such as: python3 requirements/sbom.py serve postgres")
    packages = {package for name in sys.argv[1:] for package in locked((HERE / f"{name}.txt").read_text())}
    print(json.dumps(bill(sorted(packages), tomllib.loads(PROJECT.read_text())["project"]), indent=1))


def locked(text: str) -> Iterator[Package]:
    """The packages of a requirement file that Poetry exported."""
    for entry in re.split(r"(?<!\\)\n", text):  # a backslash continues the line
        if found := _LOCKED.match(entry):
            yield Package(found[1], found[2], tuple(_HASH.findall(entry)))


def bill(packages: Sequence[Package], project: dict[str, Any]) -> dict[str, Any]:
    """The CycloneDX document. It has no time and no serial number, so that equal inputs make equal bytes."""
    own = {"type": "application", "bom-ref": project["name"], "name": project["name"], "version": project["version"]}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own | {"licenses": [{"license": {"id": project["license"]}}]}},
        "components": [_component(package) for package in packages],
        "dependencies": [{"ref": project["name"], "dependsOn": [package.purl for package in packages]}],
    }


def _component(package: Package) -> dict[str, Any]:
    files = [{"alg": "SHA-256", "content": digest} for digest in package.hashes]
    url = f"https://pypi.org/simple/{package.name}/"
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "externalReferences": [{"type": "distribution", "url": url, "hashes": files}],
    }


if __name__ == "__main__":
    main()
