"""fraud replay."""

import json

import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.decision.identifiers import first_uuid7
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import UnknownDecision
from fraud_detection_api.settings import Settings
from support.builders import record
from support.decided import BEGINNING, decided
from support.refusals import refusal_of


@pytest.fixture
def kept(registry):
    """Twelve decisions in ./decisions.db, a second apart, by the champion of ./registry; number 5 was changed. Their ids."""
    container = build_container(Settings())
    container.deployment.champion.refresh()
    model = container.deployment.champion.require().champion
    rows = [
        decided(model, [record(total_balance=9000 * n)], explain=True, at=BEGINNING + 1000 * n)[0] for n in range(12)
    ]
    rows[5] = rows[5]._replace(fraud_probability=0.125)
    container.store.migrate()
    container.store.save([StoredRequest(rows)])
    container.store.close()
    return [row.decision_id for row in rows]


def test_an_equal_decision_has_status_0(fraud, kept):
    result = fraud("replay", kept[0])
    assert result.exit_code == 0
    assert "equal" in result.stdout
    assert "1 decision in" in result.stdout
    assert result.stderr == ""


def test_a_changed_decision_has_status_1_and_shows_both(fraud, kept):
    result = fraud("replay", kept[0], kept[5])
    assert result.exit_code == 1
    assert "tampered" in result.stdout
    assert "0.125, recomputed 0." in result.stdout


def test_where_a_seal_is_broken_the_key_is_asked_about_once(fraud, kept):
    assert fraud("replay", kept[5]).stderr.count("is FRAUD_SEAL_KEY") == 1
    assert fraud("replay", *kept, FRAUD_SEAL_KEY="another secret of some length").stderr.count("FRAUD_SEAL_KEY (") == 1


def test_at_most_twenty_faults_are_shown_and_the_others_counted(fraud, kept):
    asked = [*kept, *kept[:11]]
    result = fraud("replay", *asked, FRAUD_SEAL_KEY="another secret of some length")
    assert result.stdout.count("│ tampered") == 1
    assert result.stdout.count("┃ tampered") == 20
    assert "\nand 3 more\n" in result.stdout
    told = json.loads(fraud("replay", *asked, "--json", FRAUD_SEAL_KEY="another secret of some length").stdout)
    assert len(told["unsound"]) == told["counts"]["tampered"] == 23


def test_a_range_is_counted(fraud, kept):
    result = fraud("replay", "--since", "2026-11-22T10:00:05Z", "--jobs", 1, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["decisions"], told["counts"], told["is_sound"]) == (7, {"equal": 6, "tampered": 1}, False)
    (unsound,) = told["unsound"]
    assert (unsound["decision_id"], unsound["status"]) == (kept[5], "tampered")
    assert [difference["field"] for difference in unsound["differences"]] == ["fraud_probability"]


def test_a_sound_range_has_status_0(fraud, kept):
    result = fraud("replay", "--until", "2026-11-22T10:00:05Z")
    assert result.exit_code == 0
    assert "5 decisions in" in result.stdout


def test_a_sample_is_drawn_from_all(fraud, kept):
    told = json.loads(fraud("replay", "--sample", 4, "--seed", 3, "--json").stdout)
    assert told["decisions"] == 4


def test_a_range_without_decisions_is_no_failure(fraud, kept):
    result = fraud("replay", "--since", "2030-01-01T00:00:00Z")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("0 decisions in ")


def test_a_model_that_is_gone_is_a_failure(fraud, kept, tmp_path):
    (tmp_path / "other").mkdir()
    result = fraud("replay", kept[0], "--registry", tmp_path / "other")
    assert result.exit_code == 1
    assert "model_missing" in result.stdout


def test_an_unknown_decision_is_an_error_of_one_line(fraud, kept):
    assert refusal_of(fraud("replay", first_uuid7(0))) is UnknownDecision


@pytest.mark.parametrize("arguments", [[], [first_uuid7(0), "--sample", "2"]], ids=["nothing", "both"])
def test_either_decisions_are_named_or_a_range(fraud, arguments):
    result = fraud("replay", *arguments)
    assert result.exit_code == 2
    assert "--sample" in result.stderr
