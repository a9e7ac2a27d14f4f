"""fraud decisions show and list."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.decision.identifiers import first_uuid7
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import NoStore, StoreUnavailable, UnknownDecision
from fraud_detection_api.services.history.notice import NoNotice
from fraud_detection_api.settings import Settings
from support.builders import levels_files, record, registry_with_champion
from support.decided import BEGINNING, decided
from support.payments import payment, payments_contract, payments_files
from support.refusals import refusal_of


@pytest.fixture
def kept(tmp_path):
    """Three decisions in ./decisions.db, about customers 1, 2 and 2, the last with reasons; their ids."""
    container = build_container(Settings(), registry=registry_with_champion())
    container.deployment.champion.refresh()
    model = container.deployment.champion.require().champion
    made = [(1, False), (2, False), (2, True)]
    rows = [
        row
        for second, (customer, explain) in enumerate(made)
        for row in decided(model, [record(customer_id=customer)], explain=explain, at=BEGINNING + 1000 * second)
    ]
    container.store.migrate()
    container.store.save([StoredRequest(rows)])
    container.store.close()
    return [row.decision_id for row in rows]


def test_a_decision_is_shown_with_its_record_and_reasons(fraud, kept):
    shown = fraud("decisions", "show", kept[2]).stdout
    assert "2026-11-22T10:00:02.500Z" in shown
    assert "intact" in shown
    assert "total_balance" in shown
    assert "BALANCE" in shown


def test_history_features_are_shown_apart_from_what_was_sent(fraud, registry):
    files = payments_files()
    registry.assign("champion", registry.register(files))
    container = build_container(Settings(), registry=registry)
    container.deployment.champion.refresh()
    model = container.deployment.champion.require().champion
    history = dict.fromkeys(payments_contract().history, 2.0)
    (row,) = decided(model, [{**payment(), "paid_at": datetime(2026, 11, 22, tzinfo=UTC), **history}])
    container.store.migrate()
    container.store.save([StoredRequest([row])])
    container.store.close()
    sent, _, computed = fraud("decisions", "show", row.decision_id).stdout.partition("computed")
    assert [name in sent for name in ("terminal", "amount", "payments_1d")] == [True, True, False]
    assert all(name in computed for name in history)


def test_show_as_json_has_what_the_api_has(fraud, kept):
    told = json.loads(fraud("decisions", "show", kept[0], "--json").stdout)
    assert told["decision_id"] == kept[0]
    assert told["record"] == record(customer_id=1)
    assert (told["entity_id"], told["reasons"], told["is_intact"]) == (1, None, True)


def test_a_notice_has_the_reasons_and_no_score(fraud, kept):
    container = build_container(Settings(), registry=registry_with_champion())
    container.deployment.champion.refresh()
    model = container.deployment.champion.require().champion
    (made,) = decided(model, [record(customer_id=3)], explain=True, at=BEGINNING + 9000)
    row = build_recorder(Settings()).sealed(made._replace(outcome="decline"))
    container.store.save([StoredRequest([row])])
    container.store.close()
    text = fraud("decisions", "notice", row.decision_id).stdout
    reasons = json.loads(row.reasons)
    for rank, reason in enumerate(reasons, 1):
        assert f"{rank}. {reason['description']}\n" in text
        assert reason["code"] not in text
        assert str(reason["contribution_log_odds"]) not in text
    assert reasons
    assert str(row.fraud_probability) not in text
    assert "Date of the decision: 2026-11-22\n" in text
    assert row.decision_id in text


def test_a_decision_that_was_not_declined_gives_no_notice(fraud, kept):
    assert refusal_of(fraud("decisions", "notice", kept[0])) is NoNotice


def test_an_id_may_be_written_in_upper_case(fraud, kept):
    told = json.loads(fraud("decisions", "show", kept[0].upper(), "--json").stdout)
    assert told["decision_id"] == kept[0]


def test_an_unknown_decision_is_an_error_of_one_line(fraud, kept):
    assert refusal_of(fraud("decisions", "show", first_uuid7(5))) is UnknownDecision


def test_the_list_has_the_newest_first_and_says_how_it_goes_on(fraud, kept):
    result = fraud("decisions", "list", "--limit", 2)
    assert result.stdout.index(kept[2]) < result.stdout.index(kept[1])
    assert kept[0] not in result.stdout
    cursor = result.stderr.split("--cursor ")[1].strip()
    rest = fraud("decisions", "list", "--limit", 2, "--cursor", cursor)
    assert kept[0] in rest.stdout
    assert rest.stderr == ""


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (["--entity", 1], [0]),
        (["--since", "2026-11-22T11:00:01.500+01:00"], [2, 1]),
        (["--until", "2026-11-22T10:00:01.500Z"], [0]),
        (["--since", "2026-11-22T10:00:01.5Z", "--until", "2026-11-22T10:00:02Z"], [1]),
    ],
)
def test_the_list_may_be_narrowed(fraud, kept, options, places):
    told = json.loads(fraud("decisions", "list", *options, "--json").stdout)
    assert [each["decision_id"] for each in told["decisions"]] == [kept[place] for place in places]
    assert told["next_cursor"] is None


def test_a_list_of_nothing_says_so(fraud, kept):
    result = fraud("decisions", "list", "--entity", 9)
    assert (result.exit_code, result.stdout) == (0, "")
    assert len(result.stderr.splitlines()) == 1


def test_a_time_that_is_none_is_refused(fraud, kept):
    result = fraud("decisions", "list", "--since", "tomorrow")
    assert result.exit_code == 2
    assert "--since" in result.stderr


@pytest.mark.parametrize("command", [["decisions", "list", "--entity"], ["store", "erase"]])
def test_an_entity_that_is_not_unicode_is_refused(fraud, kept, command):
    assert fraud(*command, "\udcff").exit_code == 2


def test_a_store_that_is_not_there_is_not_made(fraud, tmp_path):
    assert refusal_of(fraud("decisions", "list")) is StoreUnavailable
    assert list(tmp_path.iterdir()) == []


def test_without_a_store_there_is_nothing_to_list(fraud):
    assert refusal_of(fraud("decisions", "list", FRAUD_STORE="none")) is NoStore


def test_the_list_shows_the_first_reason_and_the_label(fraud, kept):
    Path("labels.csv").write_text(f"decision_id,is_fraud,source\n{kept[2]},1,rule\n")
    fraud("labels", "import", "labels.csv")
    result = fraud("decisions", "list", "--label", "fraud")
    assert kept[2] in result.stdout
    assert kept[1] not in result.stdout
    assert "BALANCE" in result.stdout
    assert kept[2] not in fraud("decisions", "list", "--label", "unlabelled").stdout
    assert kept[2] in fraud("decisions", "list", "--model", "1", "--min-risk-score", 1).stdout
    assert fraud("decisions", "list", "--reason", "NOBODYS").stderr.strip() == "no stored decision matches"


def test_a_warning_is_shown_and_found(fraud, tmp_path):
    container = build_container(Settings(), registry=registry_with_champion(levels_files()))
    container.deployment.champion.refresh()
    model = container.deployment.champion.require().champion
    payment = {"payment": "P-1", "amount": 50.0, "channel": "web", "colour": "red"}
    [lower, upper] = decided(model, [payment, {**payment, "channel": "WEB"}])
    container.store.migrate()
    container.store.save([StoredRequest([lower, upper])])
    container.store.close()
    assert "channel: a level that the model does not know; not approved because of it" in " ".join(
        fraud("decisions", "show", lower.decision_id).stdout.split()
    )
    assert "warning" not in fraud("decisions", "show", upper.decision_id).stdout
    found = json.loads(fraud("decisions", "list", "--warning", "unseen_level", "--json").stdout)
    assert [each["decision_id"] for each in found["decisions"]] == [lower.decision_id]
