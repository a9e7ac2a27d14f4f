"""History features of stored decisions are folded again from what is stored, to the bit; what cannot be is said to be so."""

import pytest
from pydantic_core import from_json, to_json

from fraud_detection_api.adapters.sql.events import SqlEventStore
from fraud_detection_api.adapters.sql.sqlite_files import SqliteFiles
from fraud_detection_api.adapters.sql.upkeep import SqlStoreUpkeep
from fraud_detection_api.decision.event import GivenEvent
from fraud_detection_api.decision.label import EventNamed, Finding
from fraud_detection_api.decision.stored import ROWS
from fraud_detection_api.errors import UnknownDecision
from fraud_detection_api.services.entities.refolding import AHEAD, Sources, refold
from fraud_detection_api.services.history.events import EventService
from fraud_detection_api.services.history.replay import Difference, Replayer
from fraud_detection_api.services.models.stored_models import StoredModels
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.builders import credit_files, registry_with_champion
from support.cards import BEGAN, CardServer, cards_files, payment, with_payments

EVERYTHING = DecisionFilter()


@pytest.fixture
def server(tmp_path):
    return CardServer(tmp_path)


def refolded(server, *ids, within=EVERYTHING, ahead=AHEAD, registry=None):
    registry = registry or registry_with_champion(cards_files())
    sources = Sources(server.store, server.log, server.arrivals, StoredModels(registry), server.recorder)
    return refold(sources, within, ids, lambda _share, _decisions: None, ahead=ahead)


def changed(server, row, **values):
    """The row with other values in its record, sealed again."""
    record = {**from_json(row.record), **values}
    return server.recorder.sealed(row._replace(record=to_json(record).decode()))


@pytest.mark.parametrize("ahead", [0, 3, AHEAD])
def test_all_decisions_are_equal_however_far_the_log_is_read_ahead(server, ahead):
    rows = with_payments(server, 90)
    assert any(from_json(row.record)["terminal_fraud_7d"] for row in rows)
    assert any(row.record_index == 2 for row in rows)
    assert dict(refolded(server, ahead=ahead).counts) == {"equal": 90}


def test_labels_of_events_are_folded_where_decisions_saw_them(server):
    """The event was sent as no fraud, and found to be one, and to be none after all."""
    events = EventService(SqlEventStore(server.database), server.recorder, wall_clock=BEGAN.timestamp)
    events.record(server.contract, [GivenEvent("a", payment(0), is_fraud=False)])
    rows = with_payments(server, 4)
    for at, is_fraud in enumerate((True, False)):
        server.labels.record([Finding(EventNamed("a"), is_fraud, "chargeback", at)])
        rows += server.save(server.decide(payment(6)))
    assert [from_json(row.record)["terminal_fraud_7d"] for row in rows[-2:]] == [1 / 3, 0.0]
    assert dict(refolded(server).counts) == {"equal": len(rows)}


def test_one_decision_is_refolded_with_all_that_it_saw(server):
    rows = with_payments(server, 40)
    assert dict(refolded(server, rows[31].decision_id, rows[3].decision_id).counts) == {"equal": 2}
    within = DecisionFilter(since=rows[20].decided_at, until=rows[30].decided_at)
    among = [row for row in rows if rows[20].decided_at <= row.decided_at < rows[30].decided_at]
    assert dict(refolded(server, within=within).counts) == {"equal": len(among)}
    with pytest.raises(UnknownDecision):
        refolded(server, "01a22c82-9972-7c91-9f1b-7d7a988e6f33")


def test_another_value_differs_under_the_name_of_its_feature(server):
    with_payments(server, 10)
    [row] = server.decide(payment(10))
    true = from_json(row.record)["terminal_total"]
    wrong = changed(server, row, terminal_total=true + 1, mean_amount_7d=None)
    server.save([wrong])
    with_payments(server, 5)
    found = refolded(server)
    assert dict(found.counts) == {"equal": 15, "differs": 1}
    sealed_mean = from_json(row.record)["mean_amount_7d"]
    assert found.unsound[0].differences == [
        Difference("mean_amount_7d", None, sealed_mean),
        Difference("terminal_total", true + 1, true),
    ]


def test_a_broken_seal_is_tampered_with_whether_the_values_are_equal_or_not(server):
    with_payments(server, 4)
    [row], [other] = server.decide(payment(4)), server.decide(payment(5))
    server.save([row._replace(seal=bytes(17))], [changed(server, other, payments_1d=9.0)._replace(seal=bytes(17))])
    found = refolded(server)
    assert dict(found.counts) == {"equal": 4, "tampered": 2}
    assert [len(each.differences) for each in found.unsound] == [0, 1]


def test_decisions_without_a_position_have_no_values(server):
    names = server.contract.history
    without = [server.decided([{**payment(0), **dict.fromkeys(names)}], None)]
    server.save(*without, server.decided([{**payment(1), **dict.fromkeys(names), "payments_1d": 1.0}], None))
    assert dict(refolded(server).counts) == {"equal": 1, "differs": 1}


def test_a_position_after_the_decision_differs(server):
    [row] = server.decide(payment(0))
    server.save([server.recorder.sealed(row._replace(history=1))])
    assert refolded(server).unsound[0].differences == [Difference("history", 1, 0)]


def test_requests_with_one_id_do_not_see_each_other(server):
    first, second = (server.decide(payment(number), payment(number)) for number in (0, 1))
    same = {"request_id": "same", "decided_at": first[0].decided_at}
    server.save([server.recorder.sealed(row._replace(**same)) for row in first + second][:2])
    server.save([server.recorder.sealed(row._replace(**same)) for row in second])
    assert dict(refolded(server).counts) == {"equal": 4}


def purge(server, rows):
    upkeep = SqlStoreUpkeep(server.database, SqliteFiles(server.database), server.recorder)
    before = rows[-1].decided_at
    while upkeep.remove_older(before, limit=1000):
        pass
    return [row for row in rows if row.decided_at >= before]


def test_where_events_are_gone_a_difference_proves_nothing(server):
    rows = with_payments(server, 30)
    left = purge(server, rows)
    summary = refolded(server)
    assert summary.decisions == len(left)
    assert set(summary.counts) == {"not_refoldable"}
    assert summary.is_sound


def test_windows_after_what_is_gone_are_refolded(server):
    purge(server, with_payments(server, 30))
    [row] = server.decide(payment(24 * 90))
    sound = from_json(row.record)
    server.save([changed(server, row, payments_1d=5.0, terminal_total=1.0)])
    found = refolded(server, row.decision_id)
    assert found.unsound[0].status == "differs"
    assert found.unsound[0].differences == [Difference("payments_1d", 5.0, sound["payments_1d"])]


def test_what_no_fold_can_say_has_its_own_status(server):
    rows = with_payments(server, 3)
    other = registry_with_champion(credit_files())
    assert dict(refolded(server, registry=other).counts) == {"model_changed": len(rows)}
    without = server.recorder.sealed(rows[0]._replace(decision_id=rows[0].decision_id[:-12] + "0" * 12, record=None))
    assert ROWS.is_intact(without, server.recorder.seal_key)
    server.save([without])
    assert dict(refolded(server, without.decision_id).counts) == {"erased": 1}


def test_scores_are_replayed_from_the_sealed_values(server):
    rows = with_payments(server, 30)
    replayer = Replayer(StoredModels(registry_with_champion(cards_files())), server.recorder)
    assert {result.status for result in replayer.run().replay(rows)} == {"equal"}
    wrong = changed(server, rows[-1], payments_1d=40.0, mean_amount_7d=1.0, terminal_total=0.0, terminal_fraud_7d=1.0)
    [result] = replayer.run().replay([wrong])
    assert result.status == "differs"
    assert "margin" in {each.field for each in result.differences}
