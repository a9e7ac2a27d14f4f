"""Results as a page."""

from pathlib import Path

from benchmarks.serving.results import Results


def write_page(results: Results, path: Path) -> None:
    """The page."""
    path.write_text(f"{results.made_on}\n", encoding="utf-8")
