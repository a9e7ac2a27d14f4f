"""Finds dead links in the documents: `make lint`. A link is dead if its file or its heading does not exist.

Links within `docs/` must stay there, because the site holds no other file. Every page must stand in the site's navigation.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def dead_links(root: Path) -> list[str]:
    """Each dead link of the Markdown files in `root` and `root/docs`, as `file: link: reason`."""
    documents = sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])
    return [
        f"{document.relative_to(root)}: {link}: {reason}"
        for document in documents
        for link in LINK.findall(_prose(document))
        for reason in _reasons(root, document, link)
    ]


def pages_outside_the_navigation(root: Path) -> list[str]:
    """Pages that the site's navigation does not list. The index of the decision records lists those."""
    navigation = tomllib.loads((root / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    pages = {str(path.relative_to(root / "docs")) for path in root.glob("docs/**/*.md")}
    records = {page for page in pages if re.match(r"decisions/\d", page)}
    return sorted(pages - records - set(_leaves(navigation)))


def _reasons(root: Path, document: Path, link: str) -> Iterator[str]:
    if "://" in link or link.startswith("mailto:"):
        return
    name, _, anchor = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    docs = (root / "docs").resolve()
    if not target.exists():
        yield "no such file"
    elif document.is_relative_to(root / "docs") and not target.is_relative_to(docs):
        yield "not in docs/, so not on the site"
    elif anchor and anchor not in _anchors(target):
        yield "no such heading"


def _anchors(document: Path) -> set[str]:
    """The anchors that GitHub and the site give to headings that are unique in their page."""
    plain = (re.sub(r"\]\([^)]*\)|[^\w\s-]", "", heading) for heading in HEADING.findall(_prose(document)))
    return {heading.strip().lower().replace(" ", "-") for heading in plain}


def _prose(document: Path) -> str:
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def _leaves(navigation: object) -> Iterator[str]:
    if isinstance(navigation, str):
        yield navigation
    elif isinstance(navigation, dict):
        yield from _leaves(list(navigation.values()))
    elif isinstance(navigation, list):
        for entry in navigation:
            yield from _leaves(entry)


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    wrong = [*dead_links(ROOT), *(f"{page}: not in zensical.toml" for page in pages_outside_the_navigation(ROOT))]
    print("\n".join(wrong) or "every link of the documents leads somewhere")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
