"""The page and its plot, of results alone."""

from dataclasses import replace
from xml.etree import ElementTree as ET

from benchmarks.serving.page import page, write_page
from benchmarks.serving.plot import draw
from benchmarks.serving.results import Load, Loaded, from_json, to_json


def test_results_come_back_from_json_as_they_were(results):
    assert from_json(to_json(results)) == results


def test_the_page_says_when_on_what_and_with_which_releases_it_was_made(results):
    text = page(results, plot="benchmarks.svg")
    assert "on 2026-01-31 on A processor, 2 cores, 8 GiB, Linux 6.1." in text
    assert "- MLServer: mlserver 1.7.1\n" in text
    assert "2 rounds" in text
    assert "(benchmarks.svg)" in text


def test_a_scenario_has_a_line_for_each_target_with_ratios_and_failures(results):
    text = page(results, plot="benchmarks.svg")
    assert "| this product, `/fraud_detection` | 15,500 (11,000 to 20,000) | 2.00 | 5.00 | 45.0 | 0.53 | 0 |\n" in text
    assert "| MLServer, V2 protocol | 750 (500 to 1,000) | 2.00 | 5.00 | 45.0 | 0.025 | **6** |" in text


def test_what_could_not_be_measured_is_told_with_the_reason(results):
    text = page(results, plot="benchmarks.svg")
    assert "| BentoML | not measured: pip could not install bentoml==1.4.40 |" in text
    assert "ONNX Runtime is not measured: it does not answer what the booster answers." in text
    assert "100 records a request" not in text


def test_requests_that_the_store_refused_are_not_shown_as_speed(results):
    refused = Loaded("score-sqlite", 4, 10_000, [Load(700.0, 3.0, 2000.0, 5620)])
    text = page(replace(results, loads=[refused]), plot="benchmarks.svg")
    assert "5,620 (this product, `/fraud_detection`, stored in SQLite)" in " ".join(text.split())
    assert "FRAUD_STORE_QUEUE" not in page(results, plot="benchmarks.svg")


def test_processes_have_their_memory_each(results):
    text = page(results, plot="benchmarks.svg")
    assert "| this product |  | 240 | 260 | 210 | 0.4 % |" in text
    assert "| this product, 2 workers |  |  | 261 + 259 + 80 | 400 |  |" in text
    assert "| this product, later starts | 2.10 (2.00 to 2.50) |" in text


def test_tables_have_as_many_cells_in_every_line(results):
    for block in page(results, plot="benchmarks.svg").split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("| ")]
        assert len({line.count("|") for line in lines}) <= 1, block


def test_the_plot_is_svg_names_every_target_and_is_the_same_for_the_same_results(results):
    drawing = draw(results)
    ET.fromstring(drawing)
    assert "MLServer" in drawing
    assert "<dc:date" not in drawing
    assert draw(results) == drawing


def test_a_run_without_load_has_a_page_too(results, tmp_path):
    write_page(replace(results, loads=[], neighbours=[]), tmp_path / "page.md")
    assert "## Single records beside large batches" not in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert (tmp_path / "page.svg").exists()
