"""The reference pages are what the code says, and the documents point at what exists."""

import importlib.util
import re
from pathlib import Path

import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.main import create_app
from fraud_detection_api.metrics.catalogue import METRICS
from fraud_detection_api.settings import Settings

ROOT = Path(__file__).parents[2]


def generator():
    spec = importlib.util.spec_from_file_location("generate_reference", ROOT / "docs" / "generate_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages():
    return generator().pages()


@pytest.mark.parametrize("name", ["cli.md", "contract.md", "http.md", "metrics.md", "settings.md"])
def test_reference_page_is_what_the_code_says(pages, name):
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == pages[name], "run `make docs`"


def test_every_header_of_the_api_stands_in_the_table_of_the_http_page(pages):
    api = create_app(Settings(), container=build_container(Settings())).openapi()
    operations = [one for path in api["paths"].values() for one in path.values()]
    asked = {each["name"] for one in operations for each in one.get("parameters", ()) if each["in"] == "header"}
    told = {name for one in operations for answer in one["responses"].values() for name in answer.get("headers", ())}
    assert asked | told == {
        "X-Deadline-Ms",
        "Idempotency-Key",
        "Idempotency-Replayed",
        "X-Model-Version",
        "Server-Timing",
    }
    assert asked | told <= set(re.findall(r"^\| `([\w-]+)", pages["http.md"], re.MULTILINE))


def test_every_parameter_and_body_field_of_a_route_stands_in_its_table(pages):
    api = create_app(Settings(), container=build_container(Settings())).openapi()
    sections = dict(re.findall(r"^## ([A-Z]+ /\S*)\n(.*?)(?=^## |\Z)", pages["http.md"], re.MULTILINE | re.DOTALL))
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            rows = re.findall(
                r"^\| `([\w-]+)` \| (path|query|header|body) \|", sections[f"{method.upper()} {path}"], re.MULTILINE
            )
            parameters = {(each["name"], each["in"]) for each in operation.get("parameters", ())}
            assert {row for row in rows if row[1] != "body"} == parameters
    assert re.findall(r"^\| `(\w+)` \| body \|", sections["POST /v1/decisions"], re.MULTILINE) == [
        "records",
        "explain",
        "dry_run",
    ]
    assert (
        '| `challenger` | query | string, up to 100 characters | `"challenger"` |' in sections["GET /v1/models/compare"]
    )


def test_every_metric_stands_in_the_reference_once(pages):
    rows = re.findall(r"^\| `(fraud_\w+)` \| (?:counter|gauge|histogram) \|", pages["metrics.md"], re.MULTILINE)
    assert sorted(rows) == sorted(metric.name for metric in METRICS)


def test_there_is_no_reference_page_that_the_code_does_not_write(pages):
    assert {path.name for path in (ROOT / "docs" / "reference").iterdir()} == set(pages)


def test_every_decision_is_listed():
    decisions = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\((\d{4}-[^)]+\.md)\)", (decisions / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in decisions.glob("0*.md")}


def test_every_package_of_the_source_stands_on_the_map():
    source = ROOT / "src" / "fraud_detection_api"
    rooms = {path.name for path in source.iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms |= {path.stem for path in source.glob("*.py") if path.stem != "__init__"}
    map_text = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    assert {room for room in rooms if not re.search(rf"^  {room}(/|\.py) ", map_text, re.MULTILINE)} == set()
