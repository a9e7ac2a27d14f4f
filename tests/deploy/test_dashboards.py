"""Grafana's dashboards: the files are what the code makes, readable, and laid out without overlaps."""

import json
from itertools import combinations

import pytest
import yaml

from deploy.monitoring.dashboards import DASHBOARDS, FOLDER, text
from deploy.monitoring.panels import COLUMNS, DATASOURCE
from support.prometheus import MONITORING

PAGES = {dashboard.uid: json.loads(text(dashboard)) for dashboard in DASHBOARDS}
PANELS = [
    pytest.param(panel, id=f"{uid}: {panel['title']}")
    for uid, page in PAGES.items()
    for panel in page["panels"]
    if panel["type"] != "row"
]


def overlap(one: dict, other: dict) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or above)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_the_file_is_what_the_code_makes(dashboard):
    assert (FOLDER / f"{dashboard.uid}.json").read_text(encoding="utf-8") == text(dashboard), "run `make dashboards`"


def test_there_is_no_file_that_no_code_makes():
    assert {path.stem for path in FOLDER.iterdir()} == set(PAGES) == {"service", "model", "business"}


@pytest.mark.parametrize("uid", PAGES)
def test_panels_do_not_overlap_and_stay_on_the_page(uid):
    places = [panel["gridPos"] for panel in PAGES[uid]["panels"]]
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS for place in places)


@pytest.mark.parametrize("uid", PAGES)
def test_panels_are_numbered_and_have_titles_of_their_own_within_a_row(uid):
    panels = PAGES[uid]["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert panels[0]["type"] == "row"


@pytest.mark.parametrize("uid", PAGES)
def test_a_page_fills_its_lines(uid):
    """A line of panels that ends before the page's right edge was laid out by mistake."""
    lines = {}
    for panel in PAGES[uid]["panels"]:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"]["w"])
    assert {sum(widths) for widths in lines.values()} == {COLUMNS}


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_in_which_unit_and_names_its_series(panel):
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("panel", PANELS)
def test_a_query_has_no_variables_and_asks_the_provisioned_datasource(panel):
    folder = MONITORING / "grafana" / "provisioning" / "datasources"
    [datasource] = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    assert {"type": datasource["type"], "uid": datasource["uid"]} == DATASOURCE == panel["datasource"]
    assert not [target for target in panel["targets"] if "$" in target["expr"]]


@pytest.mark.parametrize("panel", PANELS)
def test_thresholds_rise_from_a_first_colour(panel):
    first, *others = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert first is None
    assert others == sorted(others)
