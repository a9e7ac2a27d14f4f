"""fraud models list, show, promote and rollback."""

import json

import pytest

from support.builders import credit_files, every_dtype_files


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
    assert result.stderr == "the registry registry is empty: `fraud train FILE` fills it\n"


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
    assert "card.json is not the file that was registered" in card["fault"]


def test_show_without_a_champion_is_told(fraud):
    result = fraud("models", "show", "champion")
    assert result.exit_code == 1
    assert result.stderr == "error: no model is champion yet; promote one: `fraud models promote VERSION`\n"


@pytest.mark.parametrize("command", ["show", "promote"])
@pytest.mark.parametrize("version", ["9", "../1", "01"])
def test_an_unknown_version_is_told(fraud, registry, command, version):
    result = fraud("models", command, version)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no model of that version")


def test_promote_makes_champion(fraud, registry):
    result = fraud("models", "promote", "2")
    assert (result.exit_code, result.stderr) == (0, "version 2 is champion\n")
    assert registry.assigned("champion") == "2"


def test_promote_refuses_a_damaged_version(fraud, registry, damaged):
    result = fraud("models", "promote", damaged)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: model bundle version 3: ")
    assert registry.assigned("champion") == "1"


def test_promote_refuses_another_contract_unasked(fraud, registry):
    registry.register(every_dtype_files())
    result = fraud("models", "promote", "3")
    assert result.exit_code == 1
    assert "--allow-contract-change" in result.stderr
    assert registry.assigned("champion") == "1"


def test_promote_takes_another_contract_when_asked(fraud, registry):
    registry.register(every_dtype_files())
    assert fraud("models", "promote", "3", "--allow-contract-change").exit_code == 0
    assert registry.assigned("champion") == "3"


def test_rollback_makes_the_one_before_champion_again(fraud, registry):
    fraud("models", "promote", "2")
    result = fraud("models", "rollback")
    assert (result.exit_code, result.stderr) == (0, "version 1 is champion again\n")
    assert registry.assigned("champion") == "1"


def test_rollback_with_nothing_before_is_told(fraud, registry):
    result = fraud("models", "rollback")
    assert result.exit_code == 1
    assert result.stderr == "error: there is no champion before this one to go back to\n"
