"""The page on replays: its commands, executed, and its statuses."""

import re
from pathlib import Path
from typing import get_args

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.process import build_container
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.services.history.replay import SOUND, Status
from fraud_detection_api.settings import Settings
from support.builders import credit_files, record
from support.commands import run_block
from support.decided import decided
from support.pages import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "replay.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """The folder where the commands find thirty decisions of the champion; and the id of one."""
    folder = tmp_path_factory.mktemp("page")
    registry = FileRegistry(folder / "registry")
    registry.assign("champion", registry.register(credit_files()))
    container = build_container(
        Settings(registry=str(folder / "registry"), store=f"sqlite:///{folder / 'decisions.db'}")
    )
    container.deployment.champion.refresh()
    records = [record(total_balance=7000 * n) for n in range(30)]
    rows = decided(container.deployment.champion.require().champion, records, explain=True)
    container.store.migrate()
    container.store.save([StoredRequest(rows)])
    container.store.close()
    return folder, rows[3].decision_id


def test_the_commands_of_the_page_find_everything_equal(lived):
    folder, decision_id = lived
    # that several processes share the work is proven where ranges are tested
    done = run_block(blocks(PAGE, "sh")[0].replace("$ID", decision_id).replace("--jobs 2", "--jobs 1"), folder)
    assert done.returncode == 0, done.stderr
    assert [int(count) for count in re.findall(r"^(\d+) decisions? in", done.stdout, re.MULTILINE)] == [1, 30, 30, 30]
    assert '"equal": 30' in done.stdout


def test_the_statuses_of_the_page_are_all_there_are():
    told = re.findall(r"^\| `(\w+)` \| .* \| (yes)? ?\|$", PAGE, re.MULTILINE)
    assert {status for status, _ in told} == set(get_args(Status))
    assert {status for status, fault in told if not fault} == set(SOUND)
