"""The check of the documents' links, on the documents and on faults that it must find."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("check_links", ROOT / "docs" / "check_links.py")
check = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check)


@pytest.fixture
def site(tmp_path):
    """A documentation of two pages without an error."""
    (tmp_path / "docs" / "guides").mkdir(parents=True)
    (tmp_path / "README.md").write_text("[guide](docs/guides/one.md#how-to-start)\n")
    (tmp_path / "docs" / "index.md").write_text("[one](guides/one.md)\n")
    (tmp_path / "docs" / "guides" / "one.md").write_text("# One\n\n## How to start\n\n[up](#one)\n")
    (tmp_path / "zensical.toml").write_text('[project]\nnav = [{ G = ["index.md", { H = "guides/one.md" }] }]\n')
    return tmp_path


def test_every_link_of_the_documents_leads_somewhere():
    assert check.dead_links(ROOT) == []


def test_every_page_stands_in_the_navigation_of_the_site():
    assert check.pages_outside_the_navigation(ROOT) == []


def test_a_documentation_without_errors_passes(site):
    assert check.dead_links(site) == []
    assert check.pages_outside_the_navigation(site) == []


@pytest.mark.parametrize("link", ["two.md", "one.md#nowhere", "#nowhere", "../../README.md"])
def test_a_dead_link_is_found(site, link):
    page = site / "docs" / "guides" / "one.md"
    page.write_text(f"# One\n\n## How to start\n\n```\n[x](y)\n```\n\n[here]({link})\n")
    assert [line.split(": ")[:2] for line in check.dead_links(site)] == [["docs/guides/one.md", link]]


def test_a_page_outside_the_navigation_is_found_unless_it_is_a_decision_record(site):
    (site / "docs" / "decisions").mkdir()
    (site / "docs" / "decisions" / "0001-x.md").write_text("# X\n")
    (site / "docs" / "two.md").write_text("# Two\n")
    assert check.pages_outside_the_navigation(site) == ["two.md"]
