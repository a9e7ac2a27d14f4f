"""fraud models report."""

import json

import pytest

from fraud_detection_api.errors import CorruptBundle, NoChampion, UnknownModel
from fraud_detection_api.pages.registration import registered_document
from support.builders import credit_files
from support.refusals import refusal_of


@pytest.mark.parametrize("version", ["1", "champion"])
@pytest.mark.parametrize(("name", "document"), [("x.html", "report.html"), ("x.md", "card.md")])
def test_the_report_is_the_document_of_the_bundle_with_its_registration(
    fraud, registry, tmp_path, version, name, document
):
    result = fraud("models", "report", version, "--out", name)
    assert (result.exit_code, result.stderr) == (0, f"wrote the report of version 1 to {name}\n")
    assert (tmp_path / name).read_bytes() == registered(credit_files(), document)


def registered(files, name: str) -> bytes:
    return registered_document(files[name], name, version="1", manifest=json.loads(files["manifest.json"]))


@pytest.mark.parametrize("name", ["x.pdf", "x", "html"])
def test_a_file_of_another_suffix_is_a_usage_error(fraud, registry, tmp_path, name):
    result = fraud("models", "report", "1", "--out", name)
    assert result.exit_code == 2
    assert "--out" in result.stderr
    assert not (tmp_path / name).exists()


def test_an_earlier_report_is_replaced(fraud, registry, tmp_path):
    (tmp_path / "x.md").write_text("an earlier one")
    assert fraud("models", "report", "1", "--out", "x.md").exit_code == 0
    assert (tmp_path / "x.md").read_bytes() == registered(credit_files(), "card.md")


def test_a_damaged_version_has_no_report(fraud, registry, tmp_path):
    damaged = registry.register({**credit_files(), "report.html": b"<!DOCTYPE html>"})
    result = fraud("models", "report", damaged, "--out", "x.html")
    assert refusal_of(result) is CorruptBundle
    assert "report.html" in result.stderr
    assert not (tmp_path / "x.html").exists()


def test_an_unknown_version_is_told(fraud, registry):
    assert refusal_of(fraud("models", "report", "9", "--out", "x.html")) is UnknownModel


def test_without_a_champion_there_is_no_report_of_it(fraud, tmp_path):
    (tmp_path / "registry").mkdir()
    assert refusal_of(fraud("models", "report", "champion", "--out", "x.html")) is NoChampion


def test_a_folder_that_is_not_there_is_told_in_one_line(fraud, registry):
    result = fraud("models", "report", "1", "--out", "nowhere/x.html")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
