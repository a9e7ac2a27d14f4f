"""The Postman collection covers every route, and its files bind nobody's machine; `tests/drills/test_postman.py` runs it."""

import json
import re
from pathlib import Path

from fraud_detection_api.main import create_app
from fraud_detection_api.settings import Settings

POSTMAN = Path(__file__).parents[2] / "postman"
COLLECTION = POSTMAN / "fraud-detection-api.postman_collection.json"
ENVIRONMENT = POSTMAN / "local.postman_environment.json"


def test_every_route_has_a_request_with_assertions():
    assert routes_of_the_application() <= routes_with_assertions()


def test_every_request_has_assertions_of_its_own():
    assert [item["name"] for item in requests_of_the_collection() if not asserts(item)] == []


def test_environment_holds_the_local_address_and_no_key():
    values = {entry["key"]: entry["value"] for entry in json.loads(ENVIRONMENT.read_text())["values"]}
    assert values == {"base_url": "http://127.0.0.1:8000", "api_key": ""}


def test_every_variable_has_a_default_so_that_no_environment_is_needed():
    text = COLLECTION.read_text(encoding="utf-8")
    used = {*re.findall(r"\{\{(\w+)\}\}", text), *re.findall(r"variables\.get\(\\\"(\w+)\\\"\)", text)}
    defaults = {entry["key"]: entry["value"] for entry in json.loads(text)["variable"]}
    assert used == set(defaults)
    assert (defaults["base_url"], defaults["api_key"]) == ("http://127.0.0.1:8000", "")
    assert "pm.environment" not in text


def test_lock_binds_packages_by_content_and_not_by_host():
    packages = json.loads((POSTMAN / "package-lock.json").read_text())["packages"]
    installed = [package for path, package in packages.items() if path]
    assert len(installed) > 100
    assert all(package["integrity"].startswith("sha512-") for package in installed)
    assert not any("resolved" in package for package in installed)


def routes_of_the_application() -> set[tuple[str, str]]:
    app = create_app(Settings(store="none"))
    described = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    return described | {("GET", "/docs"), ("GET", "/openapi.json")}


def routes_with_assertions() -> set[tuple[str, str]]:
    return {(item["request"]["method"], template(item)) for item in requests_of_the_collection() if asserts(item)}


def template(item: dict) -> str:
    """The path as OpenAPI writes it: `/v1/models/{version}` for `/v1/models/:version`."""
    parts = item["request"]["url"]["path"]
    return "/" + "/".join(f"{{{part[1:]}}}" if part.startswith(":") else part for part in parts)


def asserts(item: dict) -> bool:
    return any("pm.test(" in line for event in item["event"] for line in event["script"]["exec"])


def requests_of_the_collection() -> list[dict]:
    return list(_requests(json.loads(COLLECTION.read_text(encoding="utf-8"))))


def _requests(folder: dict):
    for item in folder["item"]:
        if "item" in item:
            yield from _requests(item)
        else:
            yield item
