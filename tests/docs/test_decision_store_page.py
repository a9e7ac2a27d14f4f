"""The page on the decision store: its columns, settings, messages and commands are those of the code."""

import re
from pathlib import Path

import pytest

from fraud_detection_api import errors
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.routes.protocol.problems import problem_code
from fraud_detection_api.services.storage import upkeep
from fraud_detection_api.settings import Settings
from support.commands import run_block
from support.pages import blocks
from support.sealed_rows import keep_rows, kept_row

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "decision-store.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


@pytest.fixture
def kept(tmp_path):
    database = SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=5)
    store = SqlDecisionStore(database, idempotency_seconds=86_400)
    store.migrate()
    keep_rows(store, [kept_row(number) for number in (345435, 345436)])
    yield database
    database.close()


def test_the_columns_of_the_page_are_those_of_the_table(kept):
    with kept.reading() as session:
        columns = [row[0] for row in session.rows("SELECT name FROM pragma_table_info('decisions') ORDER BY cid")]
    table = section("What is stored").split("| column |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == columns


def test_every_setting_of_the_page_exists():
    named = set(re.findall(r"FRAUD_([A-Z_]+[A-Z])", PAGE))
    assert {name.lower() for name in named} <= set(Settings.model_fields)
    assert {"STORE", "STORE_OUTAGE", "JOURNAL", "IDEMPOTENCY_HOURS", "SEAL_KEY", "PSEUDONYM_KEY"} <= named


def test_settings_point_to_the_page():
    for name in ("store", "store_outage", "idempotency_hours", "seal_key", "pseudonym_key"):
        assert "docs/how-to/decision-store.md" in Settings.model_fields[name].description


def test_the_messages_of_the_page_are_those_of_the_code():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    shown = re.findall(r"^\| [^|]+ \| `([^`|]+)` \|", section("When the store fails"), re.MULTILINE)
    assert len(shown) >= 7
    for message in shown:
        parts = [part for part in re.split(r"…\??|: OperationalError", message) if part]
        assert all(part in code for part in parts), message
    assert f"`{problem_code(errors.StoreBusy)}`" in PAGE


def test_the_figures_of_the_page_are_those_of_the_code():
    assert PAGE.count(f"{upkeep.ROWS_A_TRANSACTION:,} in a transaction") == 2
    assert (upkeep.TIDY_SECONDS, bool(re.search(r"once a\s+minute", PAGE))) == (60, True)
    assert (upkeep.SHORTEST_TRACE, "four or more characters" in PAGE) == (4, True)


def test_the_commands_of_the_page_run(tmp_path, kept):
    kept.close()
    done = run_block(blocks(PAGE, "sh")[0], tmp_path)
    assert done.returncode == 0, done.stderr
    restored = run_block(blocks(PAGE, "sh")[1], tmp_path)
    assert restored.returncode == 0, restored.stderr
    assert re.search(r"\b2 decisions\b", restored.stderr)
