"""`make check FILES="…"`: what belongs to these files, in seconds; without FILES, to those that git sees as changed."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SOURCES = Path("src/fraud_detection_api")
TYPED = ("src/", "benchmarks/", "deploy/monitoring/")
"""What mypy reads."""


def main() -> int:
    """Format, lint, types, then the tests and doctests of the files; the first failure ends it."""
    files = [each for each in _relative(sys.argv[1:]) or _changed() if (PROJECT / each).is_file()]
    python = [str(each) for each in files if each.suffix == ".py"]
    steps = [["ruff", "format", "--check", *python], ["ruff", "check", *python]] if python else []
    if any(each.startswith(TYPED) for each in python):
        steps.append(["mypy"])
    if tests := [str(each) for each in tests_of(files, PROJECT)]:
        steps.append(["pytest", "-q", "-n", "0", "--doctest-modules", *tests])
    for step in steps:
        print("$", " ".join(step), flush=True)
        done = subprocess.run([Path(sys.executable).parent / step[0], *step[1:]], cwd=PROJECT, check=False)
        if done.returncode:
            return done.returncode
    return 0


def tests_of(files: Iterable[Path], project: Path) -> list[Path]:
    """Tests and doctests of the files, all relative to the project."""
    return sorted({test for file in files for test in _tests_of(file, project)})


def _tests_of(file: Path, project: Path) -> list[Path]:
    if file.is_relative_to("tests") and file.name.startswith("test_"):
        return [file]
    if not (file.is_relative_to(SOURCES) and file.suffix == ".py"):
        return _mentioning(file.name, project)
    doctests = [file] if ">>> " in (project / file).read_text(encoding="utf-8") else []
    folder = "tests/unit" / file.relative_to(SOURCES).parent
    mirror = folder / f"test_{file.name}"
    if (project / mirror).is_file():
        return [mirror, *doctests]
    module = ".".join(file.relative_to("src").with_suffix("").parts)
    return [*(_mentioning(module, project) or _nearest(folder, project)), *doctests]


def _mentioning(word: str, project: Path) -> list[Path]:
    """Quick tests in whose text the word stands."""
    rooms = [project / "tests" / room for room in ("unit", "http", "docs", "deploy")]
    found = [path for room in rooms for path in room.rglob("test_*.py") if word in path.read_text(encoding="utf-8")]
    return [path.relative_to(project) for path in found]


def _nearest(folder: Path, project: Path) -> list[Path]:
    """The tests of the folder, or of the nearest one above it that has any."""
    for each in (folder, *folder.parents):
        if found := list((project / each).glob("test_*.py")):
            return [path.relative_to(project) for path in found]
    return []


def _relative(given: list[str]) -> list[Path]:
    return [Path(each).resolve().relative_to(PROJECT) for each in given]


def _changed() -> list[Path]:
    lists = (["diff", "--name-only", "HEAD"], ["ls-files", "--others", "--exclude-standard"])
    printed = [
        subprocess.run(["git", *each], cwd=PROJECT, check=True, capture_output=True, text=True) for each in lists
    ]
    return [Path(line) for one in printed for line in one.stdout.splitlines()]


if __name__ == "__main__":
    sys.exit(main())
