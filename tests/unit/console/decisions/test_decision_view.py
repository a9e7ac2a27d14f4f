"""The view of a decision, from services that stand in for those of a server."""

from types import SimpleNamespace

import pytest
from pydantic_core import to_json

from fraud_detection_api.console.decisions.pages import DECISION_PAGE, ShownDecision
from fraud_detection_api.console.decisions.view import DecisionReader
from fraud_detection_api.console.frame import render
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.decision.decided import Unseen, warnings_text
from fraud_detection_api.decision.label import Label
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import RegistryUnavailable, UnknownDecision
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.accounts.account_store import Account
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history.lookup import History
from fraud_detection_api.services.history.replay import Difference, ReplayResult
from fraud_detection_api.services.history.surroundings import Surroundings
from fraud_detection_api.services.models.shown_models import ShownModel
from support.fakes import InMemoryDecisionStore
from support.kept import decision_id, kept
from support.payments import payments_contract

POLICY = Policy(version="3", amount_at_risk=500.0, review_cost=50.0, wrong_decline_cost=200.0)
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"
ID = decision_id(1)
RECORD = {
    "card": "C-1",
    "paid_at": "2026-11-22T10:00:00Z",
    "terminal": 17,
    "amount": 1234.5,
    "channel": "web",
    "payments_1d": 3.0,
    "mean_amount_7d": None,
    "extra": "of another contract",
}
REASONS = [
    {
        "rank": 1,
        "code": "AMOUNT",
        "feature": "amount",
        "value": 1234.5,
        "direction": "increases_risk",
        "contribution_log_odds": 1.5,
        "description": "The amount is 1,235",
    }
]

UNSEEN = warnings_text([Unseen("channel", requires_review=True)])


def row(**changes):
    told = {"entity": '"C-1"', "record": to_json(RECORD).decode(), "reasons": to_json(REASONS).decode(), "history": 12}
    return Recorder().sealed(kept(1, **{**told, **changes}))


class Stands:
    """Stands for the labels, the models, the replays and the champion."""

    def __init__(self, labels=(), shown=None, champion=None, replayed=None) -> None:
        self._labels, self._shown, self._replayed = list(labels), shown, replayed
        self.current, self.asked = champion, []

    def history(self, _decision_id):
        return self._labels

    def in_force(self, ids):
        return {one: self._labels[-1] for one in ids if self._labels and one == ID}

    def find(self, _version, _digest):
        return self._shown

    def replay_row(self, stored, known=None):
        self.asked.append(known)
        if isinstance(self._replayed, Exception):
            raise self._replayed
        return self._replayed or ReplayResult(stored.decision_id, "equal")


def champion(contract=None, digest="sha256:another", reference=None):
    bundle = SimpleNamespace(
        digest=digest, contract=contract or payments_contract(), reference=reference or {}, policy=POLICY
    )
    return SimpleNamespace(champion=SimpleNamespace(bundle=bundle), contract=bundle.contract)


def view_of(stored=None, *others, replay=False, **given):
    stand, store = Stands(**given), InMemoryDecisionStore()
    store.save([StoredRequest([each]) for each in (stored or row(), *others)])
    history = History(store, Recorder(), stand)
    return DecisionReader(history, stand, Surroundings(store, stand, None), stand, stand, stand).view(ID, replay=replay)


def own_model():
    return {"shown": ShownModel(payments_contract(), {}, POLICY)}


def test_the_record_is_in_the_order_and_words_of_the_contract_of_the_model_that_decided():
    view = view_of(**own_model())
    assert [(each.name, each.value, each.role) for each in view.record] == [
        ("card", "C-1", "id"),
        ("paid_at", "2026-11-22 10:00:00 UTC", "time"),
        ("terminal", "17", "key"),
        ("amount", "1,234.5", "feature"),
        ("channel", "web", "feature"),
        ("extra", "of another contract", "unknown"),
    ]
    assert view.record[2].words == "Where the card was used."
    assert (view.amount, view.entity, view.contract_is_own) == ("1,234.50", "C-1", True)


@pytest.mark.parametrize(
    ("changes", "ground", "costs"),
    [
        ({"fraud_probability": 0.05, "outcome": "approve"}, "cheapest", ["25", "50", "190"]),
        ({"fraud_probability": 0.05, "outcome": "review"}, "unknown", ["25", "50", "190"]),
        ({"fraud_probability": 0.05, "outcome": "review", "warnings": UNSEEN}, "warning", ["25", "50", "190"]),
        ({"fraud_probability": 0.875, "outcome": "decline"}, "cheapest", ["437.50", "50", "25"]),
    ],
)
def test_the_page_says_what_each_outcome_was_expected_to_cost_and_why_there_is_this_one(changes, ground, costs):
    weighed = view_of(row(**changes), **own_model()).weighed
    assert (weighed.ground, [each.cost for each in weighed.costs]) == (ground, costs)
    assert (weighed.amount, weighed.is_assumed) == ("500", True)
    assert (weighed.review_above, weighed.decline_above) == ("10.0", "75.0")


def test_nothing_is_said_to_be_weighed_where_no_policy_did_it():
    assert view_of(row(source="fallback", fraud_probability=None), **own_model()).weighed is None
    assert view_of(row(record=None), **own_model()).weighed is None
    assert view_of(row(policy_version="99"), **own_model()).weighed is None
    assert view_of(champion=champion()).weighed is None


def test_history_features_say_what_they_measure_and_in_which_window():
    features = {each.name: each for each in view_of(**own_model()).history_features}
    assert (features["payments_1d"].value, features["payments_1d"].window) == ("3", "over 1d before the record")
    delayed = features["mean_amount_7d"]
    assert (delayed.measured, delayed.window, delayed.is_missing) == (
        "mean of amount",
        "over 7d before the record, without the last 1h",
        True,
    )
    assert features["since_web_payment"].measured.endswith("where channel == 'web' and amount > 0")


def test_a_model_that_is_gone_leaves_the_words_of_the_one_in_service_and_the_page_says_so():
    view = view_of(champion=champion())
    assert (view.contract, view.contract_is_own, view.replay) == ("payments", False, None)
    alone = view_of()
    assert (alone.contract, [each.name for each in alone.record]) == ("", list(RECORD))


def test_the_model_in_service_replays_its_decision_at_once_without_the_registry():
    given = champion(digest="sha256:model")
    stand = Stands(champion=given)
    store = InMemoryDecisionStore()
    store.save([StoredRequest([row()])])
    reader = DecisionReader(
        History(store, Recorder(), stand), stand, Surroundings(store, None, None), stand, stand, stand
    )
    assert reader.view(ID).replay[:2] == ("equal", True)
    assert reader.view(ID, replay=True).replay.was_read
    assert stand.asked == [given.champion.bundle, None]


def test_another_model_is_replayed_when_somebody_asks():
    found = ReplayResult(ID, "differs", [Difference("fraud_probability", 0.1, 0.30000000000000004)])
    assert view_of(**own_model(), replayed=found).replay is None
    replay = view_of(**own_model(), replayed=found, replay=True).replay
    assert (replay.status, replay.is_sound) == ("differs", False)
    assert tuple(replay.differences[0]) == ("fraud_probability", "0.1", "0.30000000000000004")


def test_a_registry_that_is_away_leaves_the_rest_of_the_page():
    view = view_of(**own_model(), replayed=RegistryUnavailable("/srv/models"), replay=True)
    assert view.replay.status == "registry_unavailable"
    assert "/srv/models" not in page(view)


def test_an_erased_decision_keeps_what_was_decided():
    view = view_of(row(entity=None, record=None, reasons=None, residue='{"amount":1.5}'), **own_model())
    assert (view.is_erased, view.is_intact, view.outcome) == (True, True, "decline")
    assert (view.record, view.reasons, view.amount, view.history_features) == ([], [], "", [])
    assert view.replay.status == "equal"
    assert "The record was erased." in page(view)
    assert "1.5" not in page(view)


def test_a_row_that_was_changed_says_so_and_shows_what_can_be_read():
    view = view_of(row()._replace(outcome="approve", record="{", reasons='[{"code":1}]', warnings="5"), **own_model())
    assert (view.is_intact, view.record, view.reasons, view.warnings) == (False, [], [], [])
    assert "This row was changed after it was stored." in page(view)


def test_a_fallback_says_that_no_model_decided():
    view = view_of(row(source="fallback", margin=None, fraud_probability=None, risk_score=None, reasons=None))
    assert (view.is_fallback, view.probability, view.risk_score, view.similar.rows) == (True, "", None, [])
    assert "No model decided this." in page(view)


def test_history_that_was_not_known_is_told_from_a_contract_without():
    assert view_of(row(history=None), **own_model()).history == "missing"
    assert view_of(row(history=None)).history == "none"


def test_labels_are_listed_newest_first_with_the_one_in_force_marked():
    labels = [
        Label(ID, True, "chargeback", 1_700_000_000_000, "not me", 1_700_000_100_000, "bank"),
        Label(ID, False, "analyst", 1_700_000_200_000, "", 1_700_000_300_000, "mira"),
    ]
    view = view_of(labels=labels)
    assert [(each.reviewer, each.is_in_force) for each in view.labels] == [("mira", True), ("bank", False)]
    assert view.label.is_fraud is False


def test_decisions_on_the_same_terminal_and_of_the_same_card_are_linked():
    others = [
        Recorder().sealed(kept(2, entity='"C-2"', record='{"terminal":17}')),
        Recorder().sealed(kept(3, entity='"C-1"', record='{"terminal":5}')),
        Recorder().sealed(kept(4, entity='"C-3"', record='{"terminal":170}')),
    ]
    view = view_of(None, *others, **own_model())
    assert [each.entity for each in view.links.rows] == ["C-2"]
    assert [each.name for each in view.life.rows if not each.is_own] == [decision_id(3)]


def test_an_unknown_decision_is_an_error():
    stand = Stands()
    history = History(InMemoryDecisionStore(), Recorder(), stand)
    with pytest.raises(UnknownDecision):
        DecisionReader(history, stand, Surroundings(None, None, None), stand, stand, stand).view("x")


def page(view):
    visitor = Visitor("signed_in", "", "secret", Account("mira", "auditor", False, 0))
    return render(DECISION_PAGE, visitor, ShownDecision(view, may_review=True, may_see_trail=True)).body.decode()


def hostile_contract(text):
    document = payments_contract().as_json()
    for section in ("keys", "features", "history", "derived"):
        for each in document[section].values():
            each["description"] = each["unit"] = text
            each.pop("unit") if section == "keys" else None
    document["id"]["description"] = document["time"]["description"] = text
    document["features"]["channel"]["level_names"] = {"web": text.replace("{", "").replace("}", "")}
    return payments_contract().model_validate(document)


@pytest.mark.parametrize(
    "text", [HOSTILE, "' onmouseover='alert(1)", "</title><script>", "]]></svg><script>", "&lt;b>"]
)
def test_no_text_of_a_caller_a_contract_or_a_label_becomes_markup(text):
    record = {**RECORD, "card": text, "channel": text, "extra": text, text: text, "terminal": text}
    reasons = [{**REASONS[0], "description": text, "code": text, "feature": text, "value": text}]
    stored = row(
        entity=to_json(text).decode(),
        record=to_json(record).decode(),
        reasons=to_json(reasons).decode(),
        warnings=warnings_text([Unseen(text, requires_review=True)]),
        model_version=text,
        policy_version=text,
        request_id=text,
    )
    other = Recorder().sealed(stored._replace(decision_id=decision_id(2), entity=to_json(f"{text}2").decode()))
    label = Label(ID, True, "other", 1, text, 2, text)
    found = ReplayResult(ID, "differs", [Difference(text, text, text)])
    contract = ShownModel(
        hostile_contract(text), {"features": {"channel": {"levels": {text: 1}, "missing": 0}}}, POLICY
    )
    html = page(view_of(stored, other, labels=[label], shown=contract, replayed=found, replay=True))
    assert text not in html
    assert "<script>" not in html
    assert "<img src=x" not in html
    assert html.count("alert(1)") == 0 or "&lt;script&gt;" in html or "&#39; onmouseover" in html
    assert ">49<" not in html
