"""The README's figures are those of the pages that the benchmarks write, and those pages have the benchmarks' words."""

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from benchmarks import scale, tables
from benchmarks.serving import page as serving_page

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUALITY = (ROOT / "docs" / "explanation" / "model-quality.md").read_text(encoding="utf-8")
SPEED = (ROOT / "docs" / "explanation" / "benchmarks.md").read_text(encoding="utf-8")

PROTOCOLS = {
    "card payments": "Card payments of the Fraud Detection Handbook",
    "UCI credit card clients": "UCI default of credit card clients",
    "German credit": "German credit",
    "Polish bankruptcy": "Polish companies' bankruptcy",
    "LendingClub loans": "LendingClub loans",
    "SBA loans": "SBA loans",
}
MEASURES = {"average precision": "AP", "ROC AUC": "AUC"}
MODELS = {
    "this product": "fraud-detection-api, default",
    "with `fraud tune`": "fraud-detection-api, tuned",
    "XGBoost": "XGBoost 3, defaults",
    "LightGBM": "LightGBM, defaults",
    "CatBoost": "CatBoost, defaults",
    "random forest": "random forest (scikit-learn)",
    "logistic regression": "logistic regression (scikit-learn)",
}
SERVERS = {"MLServer": "MLServer, V2 protocol", "MLflow": "MLflow, `models serve`"}


def table(page: str, heading: str) -> tuple[list[str], list[list[str]]]:
    """The headings and rows of the first table below that heading, without marks of bold."""
    text = re.search(rf"^##+ (?:\d\. )?{re.escape(heading)}.*?\n\n?(\|.*?)(?:\n\n|\Z)", page, re.MULTILINE | re.DOTALL)[
        1
    ]
    lines = [[cell.strip().strip("*") for cell in line[1:-1].split("|")] for line in text.splitlines()]
    return lines[0], lines[2:]


def thousandths(cell: str) -> str:
    return str(Decimal(cell.split(maxsplit=1)[0].strip("*")).quantize(Decimal("0.001"), ROUND_HALF_UP))


def test_the_figures_of_quality_are_those_of_the_page():
    headings, rows = table(README, "How good the models are")
    assert len(rows) == 7
    for subject, *figures in rows:
        data, measure = subject.split(", ")
        columns, measured = table(QUALITY, PROTOCOLS[data])
        by_model = {row[0]: row[columns.index(MEASURES[measure])] for row in reversed(measured)}
        expected = [by_model.get(MODELS[model], "") for model in headings[1:]]
        assert figures == [thousandths(cell) if cell else "" for cell in expected], subject


def test_the_best_figure_of_each_row_is_bold():
    _, rows = table(README.replace("**", "!"), "How good the models are")
    for subject, *figures in rows:
        best = max(figure.strip("!") for figure in figures)
        assert [figure for figure in figures if "!" in figure] == [f"!{best}!"], subject


def test_the_figures_of_speed_are_those_of_the_page():
    _, rows = table(README, "How fast it serves")
    _, measured = table(SPEED, "One record a request, 32 connections")
    by_server = {row[0]: [cell.split()[0] for cell in row[1:4]] for row in measured}
    assert len(rows) == 8
    for server, *figures in rows:
        assert figures == by_server[SERVERS.get(server, server)], server


def test_the_ratios_to_mlserver_are_those_of_the_page():
    section = README.split("## How fast it serves")[1].split("\n## ")[0]
    _, targets = table(SPEED, "Targets and results")
    measured = {what: ratio for what, _, ratio, _ in targets}
    subjects = ("", " stored in SQLite", ", 10,000 records")
    expected = [
        measured[f"`/fraud_detection`{each}: requests/s compared with MLServer, which stores nothing"]
        for each in subjects
    ]
    assert re.findall(r"[\d.]+ times", section) == expected


def test_the_pages_have_the_words_that_the_benchmarks_write():
    method = serving_page._METHOD
    for line in method.split("\n\n")[0].replace("\n  ", " ").splitlines():
        pattern = re.sub(r"\\\{\w+\\\}", r"\\S+", re.escape(line))
        assert re.search(pattern, SPEED.replace("\n  ", " ")), line
    for text in (serving_page._INTRODUCTION, serving_page._TARGETS, serving_page._PROCESSES, serving_page._IN_PROCESS):
        assert text in SPEED
    assert serving_page._NEIGHBOURS in SPEED
    for text in (tables._INTRODUCTION, tables._READING, scale.SPEED_TERMS):
        assert text in QUALITY
