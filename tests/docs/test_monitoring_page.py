"""The page on monitoring: its commands, executed on observed traffic, and the limits and measures that it names."""

import re
import time
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.storage import build_database, stores_in
from fraud_detection_api.monitoring.drift import FeatureDrift
from fraud_detection_api.report.numbers import MONITORED
from fraud_detection_api.settings import Settings
from support.builders import credit_files
from support.commands import run_block
from support.monitored import DAY_MS, Traffic, challenger, challenger_files, champion, simulated, times
from support.pages import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "monitoring.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three months of champion and challenger, in the folder where the commands look for them."""
    folder = tmp_path_factory.mktemp("page")
    registry = FileRegistry(folder / "registry")
    registry.assign("champion", registry.register(credit_files()))
    registry.assign("challenger", registry.register(challenger_files()))
    settings = Settings(store=f"sqlite:///{folder / 'decisions.db'}")
    database, now = build_database(settings), int(time.time() * 1000)
    stores = stores_in(database, settings)
    stores.decisions.migrate()
    traffic = Traffic(simulated(6_000, 21), times(6_000, now - 90 * DAY_MS, now), 0, [champion(), challenger()])
    traffic.save(*stores)
    database.close()
    return folder


def test_the_commands_of_the_page_write_a_report_that_loads_no_other_file(folder):
    done = run_block(blocks(PAGE, "sh")[0], folder)
    assert done.returncode == 0, done.stderr
    assert "2,000" in done.stdout
    assert '"matured_until"' in done.stdout
    page = (folder / "monitoring.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert page.count("<h2>") >= 4


def test_the_page_explains_every_measure_and_figure():
    explained = set(re.findall(r"`(\w+)`", PAGE))
    numbers = {name for name in FeatureDrift.__dataclass_fields__ if name not in {"feature", "bins"}}
    assert set(MONITORED) <= explained
    assert numbers - {"records", "reference_records"} <= explained


def test_the_limits_on_the_page_are_the_defaults():
    stated = dict(re.findall(r"`FRAUD_(GATE_\w+)` \(([\d.,]+)\)", PAGE))
    gates = {name.upper(): getattr(Settings(), name) for name in Settings.model_fields if name.startswith("gate_")}
    assert {name: float(number.replace(",", "")) for name, number in stated.items()} == gates
