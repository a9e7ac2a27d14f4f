"""fraud models promote past a gate that is asked, on a store with observed traffic, and what is kept of it."""

import json
import time

import pytest

from fraud_detection_api.container.storage import build_database, stores_in
from fraud_detection_api.settings import Settings
from support.monitored import DAY_MS, Traffic, challenger, challenger_files, champion, simulated, times


@pytest.fixture(scope="module")
def observed(tmp_path_factory) -> str:
    """A store of matured decisions by the champion, and by a better challenger in its shadow."""
    store_url = f"sqlite:///{tmp_path_factory.mktemp('observed') / 'decisions.db'}"
    settings, now = Settings(store=store_url), int(time.time() * 1000)
    database = build_database(settings)
    stores = stores_in(database, settings)
    stores.decisions.migrate()
    at = times(8_000, now - 50 * DAY_MS, now - 35 * DAY_MS)
    traffic = Traffic(simulated(8_000, 24), at, 0, [champion(), challenger()])
    traffic.save(*stores)
    database.close()
    return store_url


@pytest.fixture
def waiting(registry):
    """Version 1 is champion, version 2 was compared with it."""
    registry.register(challenger_files())
    return registry


def promoted(fraud, observed, **limits) -> list[str]:
    """What history tells of the gate."""
    result = fraud("models", "promote", "2", FRAUD_STORE=observed, **limits)
    assert result.exit_code == 0, result.stderr
    newest = json.loads(fraud("models", "history", "--json").stdout)[0]
    assert (newest["gate"], newest["forced"]) == ("passed", False)
    return newest["gate_reasons"]


def test_a_pass_is_kept_with_what_was_found_and_by_which_limits(fraud, waiting, observed):
    kept = promoted(fraud, observed)
    assert kept[0].startswith("8,000 decisions were compared; the truth of 8,000 is known, ")
    for words in ("ROC AUC +0.", "average precision +0.", "frauds are ", "1,000 decisions cost ", "a record takes "):
        assert [sentence for sentence in kept if sentence.startswith(words)]
    assert not [sentence for sentence in kept if sentence.startswith("changed limits")]
    assert "default limits: decisions 1000" in fraud("models", "history", "--json").stdout


def test_a_pass_by_limits_that_were_loosened_in_somebodys_shell_shows_them_first(fraud, waiting, observed):
    kept = promoted(fraud, observed, FRAUD_GATE_FRAUDS="0", FRAUD_GATE_ROC_AUC_LOSS="1")
    assert kept[0] == "changed limits: frauds 0, roc_auc_loss 1"
    table = fraud("models", "history").stdout
    assert "changed" in table
    assert "roc_auc_loss" in table
    assert "average precision" not in table  # what was found is in --json
