"""What an address asks the search, and what an export's cells do in a spreadsheet."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from fraud_detection_api.console.decisions.asked import asked_of
from fraud_detection_api.console.decisions.export import COLUMNS, Exporter, safe_cell
from fraud_detection_api.decision.label import Label
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history.lookup import History
from fraud_detection_api.services.storage.decision_store import Traits
from support.cards import cards_contract
from support.fakes import InMemoryDecisionStore
from support.kept import kept
from support.payments import payments_contract

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_an_address_is_read_as_a_filter():
    asked = asked_of(
        {"entity": " C-1 ", "outcome": "review", "min_score": "900", "since": "2h", "reason": "high", "label": ""}, NOW
    )
    assert asked.problems == {}
    assert (asked.where.entity_id, asked.where.outcome) == ("C-1", "review")
    assert asked.where.since == 1_795_334_400_000
    assert asked.where.traits == Traits(min_risk_score=900, reason="HIGH")


def test_an_address_that_counts_from_now_is_written_out_so_that_it_stays_the_same():
    address = asked_of({"since": "2h", "outcome": "review"}, NOW).address
    assert address == "outcome=review&since=2026-11-22T08%3A00%3A00.000Z"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("outcome", "refuse"),
        ("label", "maybe"),
        ("min_score", "1001"),
        ("max_score", "-1"),
        ("max_score", "٣"),
        ("since", "last week"),
        ("reason", 'HIGH","x":"'),
        ("entity", "x" * 257),
        ("model", "a\0b"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(name, text):
    assert [*asked_of({name: text}, NOW).problems] == [name]


def test_the_trail_does_not_say_which_entity_was_searched_for():
    assert asked_of({"entity": "C-1", "outcome": "review"}, NOW).about == "outcome=review&entity=given"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "\ufeff=1"])
def test_a_text_that_a_spreadsheet_would_compute_becomes_text(text):
    assert safe_cell(text) == f"'{text}"


def test_numbers_stay_numbers_and_other_texts_as_they_are():
    values = [-5, -0.25, 1e-9, None, "a=1", "", " ", "C-1", "'quoted"]
    assert [safe_cell(value) for value in values] == values


@pytest.fixture
def keyed():
    """A contract with the key `terminal`, a number."""
    return cards_contract()


class Labels:
    """Stands for a LabelStore: the first decision is fraud."""

    def in_force(self, ids):
        return {one: Label(one, True, "chargeback", 1_700_000_000_000, "", 1) for one in ids[-1:]}


def exported(rows, cursor="", **parameters):
    store = InMemoryDecisionStore()
    store.save([StoredRequest(rows)])
    content, count = Exporter(History(store, Recorder(), Labels())).export(asked_of(parameters, NOW), cursor)
    table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert (tuple(table[0]), len(table)) == (COLUMNS, count + 1)
    return table[1:]


def test_what_callers_and_contracts_say_cannot_become_a_formula():
    hostile = '=HYPERLINK("http://x.example","a")'
    reasons = f'[{{"code":"HIGH","description":"@{hostile[1:-2]}"}}]'.replace('"http', "'http").replace('e","a', "e")
    row = kept(1, entity='"=1+1, \\"x\\"\\n-2"', reasons=reasons, model_version="-1+1", outcome="review")
    (cells,) = exported([row])
    assert cells[2] == '\'=1+1, "x"\n-2'
    assert cells[7] == "'-1+1"
    assert cells[9].startswith("'@HYPERLINK")
    assert cells[10:12] == ["fraud", "chargeback"]


def test_an_export_has_the_amount_and_the_keys_of_the_contract():
    store, contract = InMemoryDecisionStore(), payments_contract()
    record = {"card": "=1+1", "terminal": 17, "amount": 1234.5, "channel": "web"}
    store.save([StoredRequest([kept(1, record=json.dumps(record)), kept(2, record=None)])])
    content, _ = Exporter(History(store, Recorder(), Labels())).export(asked_of({}, NOW), "", contract)
    head, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    own = len(COLUMNS)
    assert head[own:] == ["record.amount", *(f"record.{name}" for name in contract.keys)]
    assert rows[0][own:] == [""] * len(head[own:])
    assert dict(zip(head[own:], rows[1][own:], strict=True))["record.terminal"] == "17"


def test_an_export_has_what_the_search_finds_and_no_more_than_its_limit(monkeypatch):
    monkeypatch.setattr("fraud_detection_api.console.decisions.export.MOST_EXPORTED", 7)
    monkeypatch.setattr("fraud_detection_api.console.decisions.export.ROWS_A_PAGE", 3)
    rows = [kept(number, outcome="review" if number % 2 else "approve", entity=str(-number)) for number in range(40)]
    assert [cells[2] for cells in exported(rows, outcome="review")] == [str(-number) for number in range(39, 25, -2)]
    assert len(exported(rows[:4])) == 4


def test_a_key_is_searched_for_in_the_dtype_of_the_contract(keyed):
    asked = asked_of({"key": "terminal", "value": "7"}, NOW, keyed)
    assert (asked.where.traits.members, asked.about) == (('"terminal":7',), "key=terminal&value=given")
    assert asked.address == "key=terminal&value=7"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"key": "terminal"}, "value"),
        ({"value": "7"}, "key"),
        ({"key": "nothing", "value": "7"}, "key"),
        ({"min_score": "900", "max_score": "100"}, "max_score"),
    ],
)
def test_fields_that_do_not_fit_each_other_are_named(parameters, field, keyed):
    assert [*asked_of(parameters, NOW, keyed).problems] == [field]
