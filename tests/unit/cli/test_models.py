"""fraud models list, show, challenge, promote, rollback and history."""

import json
import os
import pwd
import re
from importlib.resources import files

import pytest

from fraud_detection_api.errors import (
    ContractMismatch,
    CorruptBundle,
    GateRefused,
    InvalidChallenger,
    NoChallenger,
    NoChampion,
    StoreUnavailable,
    UnknownModel,
)
from fraud_detection_api.model.bundle import read_bundle
from support.builders import credit_files, every_dtype_files, other_credit_files
from support.refusals import numbers_in, refusal_of


@pytest.fixture
def registry(registry):
    """Version 2, beside the champion, is the same model again."""
    registry.register(credit_files())
    return registry


@pytest.fixture
def damaged(registry) -> str:
    return registry.register({**credit_files(), "card.json": b"{}"})


def test_an_empty_registry_says_how_to_fill_it(fraud):
    result = fraud("models", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "`fraud train FILE`" in result.stderr


def test_an_empty_registry_is_an_empty_list_in_json(fraud):
    assert json.loads(fraud("models", "list", "--json").stdout) == []


def test_list_shows_versions_newest_first(fraud, registry):
    lines = [line for line in fraud("models", "list").stdout.splitlines() if "│ 2026-11-22 10:00 │" in line]
    assert [line.split("│")[1].strip() for line in lines] == ["2", "1"]
    assert "champion" in lines[1]


def test_list_as_json_has_what_the_api_has(fraud, registry):
    newest, oldest = json.loads(fraud("models", "list", "--json").stdout)
    assert (newest["version"], newest["aliases"]) == ("2", [])
    assert (oldest["version"], oldest["aliases"], oldest["status"]) == ("1", ["champion"], "ok")
    assert oldest["roc_auc"] > 0.8


def test_list_shows_damaged_versions(fraud, registry, damaged):
    assert "damaged" in fraud("models", "list").stdout
    assert json.loads(fraud("models", "list", "--json").stdout)[0]["status"] == "damaged"


@pytest.mark.parametrize("name", ["1", "champion"])
def test_show_prints_the_card(fraud, registry, name):
    result = fraud("models", "show", name)
    assert result.exit_code == 0
    assert all(text in result.stdout for text in ("1 champion", "6,000 records", "stratified", "xgboost", "Held-out"))


def test_show_as_json_holds_the_card(fraud, registry):
    card = json.loads(fraud("models", "show", "champion", "--json").stdout)
    assert card["version"] == "1"
    assert card["card"]["data"]["rows"] == 6000


def test_show_of_a_damaged_version_tells_its_fault(fraud, registry, damaged):
    card = json.loads(fraud("models", "show", damaged).stdout)
    assert "card.json" in card["fault"]


def test_show_without_a_champion_is_told(fraud, tmp_path):
    (tmp_path / "registry").mkdir()
    result = fraud("models", "show", "champion")
    assert refusal_of(result) is NoChampion
    assert "`fraud models promote VERSION`" in result.stderr


@pytest.mark.parametrize("command", ["show", "promote"])
@pytest.mark.parametrize("version", ["9", "../1", "01"])
def test_an_unknown_version_is_told(fraud, registry, command, version):
    assert refusal_of(fraud("models", command, version)) is UnknownModel


def test_promote_makes_champion(fraud, registry):
    result = fraud("models", "promote", "2")
    assert (result.exit_code, numbers_in(result.stderr)) == (0, [2])
    assert registry.assigned("champion") == "2"


def test_promote_refuses_a_damaged_version(fraud, registry, damaged):
    assert refusal_of(fraud("models", "promote", damaged)) is CorruptBundle
    assert registry.assigned("champion") == "1"


def test_promote_refuses_another_contract_unasked(fraud, registry):
    registry.register(every_dtype_files())
    result = fraud("models", "promote", "3")
    assert refusal_of(result) is ContractMismatch
    assert "--allow-contract-change" in result.stderr
    assert registry.assigned("champion") == "1"


def test_promote_takes_another_contract_when_asked(fraud, registry):
    registry.register(every_dtype_files())
    how = ["--allow-contract-change", "--force", "callers are ready"]
    assert fraud("models", "promote", "3", *how).exit_code == 0
    assert registry.assigned("champion") == "3"


def test_rollback_makes_the_one_before_champion_again(fraud, registry):
    fraud("models", "promote", "2")
    result = fraud("models", "rollback")
    assert (result.exit_code, numbers_in(result.stderr)) == (0, [1])
    assert registry.assigned("champion") == "1"


def test_rollback_with_nothing_before_is_told(fraud, registry):
    assert refusal_of(fraud("models", "rollback")) is NoChampion


@pytest.fixture
def other(registry) -> str:
    """A version that scores otherwise than the champion."""
    return registry.register(other_credit_files())


def history(fraud) -> list[dict]:
    return json.loads(fraud("models", "history", "--json").stdout)


def test_promote_refuses_what_was_not_compared(fraud, registry, other):
    assert refusal_of(fraud("models", "promote", other)) is StoreUnavailable
    assert refusal_of(fraud("models", "promote", other, FRAUD_STORE="none")) is GateRefused
    assert registry.assigned("champion") == "1"


def test_promote_is_forced_by_a_reason_which_is_kept(fraud, registry, other):
    assert fraud("models", "promote", other, "--force", "the old one leaks").exit_code == 0
    newest = history(fraud)[0]
    assert (newest["to"], newest["forced"], newest["reason"]) == ("3", True, "the old one leaks")


def test_a_blank_reason_forces_nothing(fraud, registry, other):
    assert fraud("models", "promote", other, "--force", " ").exit_code == 2
    assert registry.assigned("champion") == "1"


def test_a_reason_beside_the_one_that_forces_is_refused_and_not_dropped(fraud, registry, other):
    result = fraud("models", "promote", other, "--force", "the old one leaks", "--reason", "three weeks in shadow")
    assert result.exit_code == 2
    assert "--reason" in result.stderr
    assert registry.assigned("champion") == "1"


def test_the_gate_can_be_off(fraud, registry, other):
    assert fraud("models", "promote", other, FRAUD_GATE="off").exit_code == 0
    assert history(fraud)[0]["gate"] == "off"


def test_a_change_names_the_user_and_whoever_is_named(fraud, registry):
    user = pwd.getpwuid(os.getuid()).pw_name
    fraud("models", "promote", "2", "--reason", "the same again")
    fraud("models", "rollback", "--by", "Anna Berg", "--reason", "no need")
    newest, second, _ = history(fraud)
    assert (newest["by"], newest["reason"]) == (f"Anna Berg ({user})", "no need")
    assert (second["by"], second["reason"]) == (user, "the same again")


def test_a_user_without_a_name_is_a_number(fraud, registry, monkeypatch):
    def nobody(_number):
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    fraud("models", "promote", "2")
    assert history(fraud)[0]["by"] == f"user {os.getuid()}"


def test_challenge_begins_is_listed_and_ends(fraud, registry, other):
    assert numbers_in(fraud("models", "challenge", other).stderr) == [3]
    assert json.loads(fraud("models", "list", "--json").stdout)[0]["aliases"] == ["challenger"]
    assert numbers_in(fraud("models", "challenge", "--stop").stderr) == [3]
    assert registry.assigned("challenger") is None
    assert refusal_of(fraud("models", "challenge", "--stop")) is NoChallenger


def test_challenge_wants_a_version(fraud, registry):
    assert fraud("models", "challenge").exit_code == 2


def test_a_copy_of_the_champion_does_not_challenge(fraud, registry):
    assert refusal_of(fraud("models", "challenge", "2")) is InvalidChallenger


def test_history_is_a_table_newest_first(fraud, registry, other):
    fraud("models", "promote", other, "--force", "the old one leaks", "--by", "Anna")
    lines = fraud("models", "history").stdout.splitlines()
    [promoted] = [number for number, line in enumerate(lines) if "forced: the old one leaks" in line]
    [assigned] = [number for number, line in enumerate(lines) if "assign champion" in line]
    assert promoted < assigned
    assert "Anna (" in lines[promoted]


def test_history_of_an_empty_registry_is_told(fraud):
    result = fraud("models", "history")
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (0, "", 1)
    assert history(fraud) == []


def test_history_tells_what_took_no_effect(fraud, registry):
    line = (registry.root / "audit.jsonl").read_text().splitlines()[0]
    with (registry.root / "audit.jsonl").open("a") as file:
        file.write(line.replace('"from": null, "to": "1"', '"from": "1", "to": "2"') + "\n")
    assert [change["took_effect"] for change in history(fraud)] == [False, True]
    assert "assign champion, without effect" in fraud("models", "history").stdout


def reworded_credit(folder):
    """The packaged contract, with another text for the balance."""
    text = (files("fraud_detection_api.contract") / "credit.toml").read_text(encoding="utf-8")
    path = folder / "credit.toml"
    path.write_text(re.sub(r'(code = "BALANCE", text = )"[^"]*"', r'\1"You owe {value}"', text), encoding="utf-8")
    return path


def test_a_champion_in_other_words_replaces_it_without_the_gate(fraud, registry, tmp_path):
    done = json.loads(
        fraud("models", "reword", "champion", "--contract", reworded_credit(tmp_path), "--promote", "--json").stdout
    )
    assert (done["version"], done["of"], registry.assigned("champion")) == ("3", "1", "3")
    assert [change["key"] for change in done["changed"]] == ["features.total_balance.reason.text"]
    assert read_bundle(registry.fetch("3"), source="x").contract.features["total_balance"].reason.text == (
        "You owe {value}"
    )


def test_a_rewording_is_shown_key_by_key(fraud, registry, tmp_path):
    result = fraud("models", "reword", "1", "--contract", reworded_credit(tmp_path))
    assert "features.total_balance.reason.text" in result.stdout
    assert "`fraud models promote 3`" in result.stderr
    assert registry.assigned("champion") == "1"


def test_a_contract_that_says_more_than_other_words_is_refused(fraud, registry, tmp_path):
    path = reworded_credit(tmp_path)
    path.write_text(path.read_text().replace("maximum = 10_000", "maximum = 9_000", 1))
    result = fraud("models", "reword", "1", "--contract", path)
    assert refusal_of(result) is ContractMismatch
    assert "features.number_of_open_accounts.maximum" in result.stderr
    assert registry.versions() == ["1", "2"]
