"""Recording labels; unknown decisions are reported by index."""

import pytest

from fraud_detection_api.decision.label import EntityAt, Finding
from fraud_detection_api.errors import NoStore
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels.recording import LabelService, UnknownSubject
from support.fakes import InMemoryLabelStore
from support.labelling import NOON, kept

NOBODYS = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def service(*decisions, recorder=None) -> LabelService:
    return LabelService(InMemoryLabelStore(decisions, lambda: NOON / 1000), recorder or Recorder())


def test_counts_are_reported_and_the_unknown_ones_by_index_and_reason():
    good, erased = kept(1), kept(2, record=None)
    findings = [
        Finding(NOBODYS, True, "rule"),
        Finding(good.decision_id, True, "rule", 1),
        Finding(erased.decision_id, True, "rule"),
        Finding(good.decision_id, True, "rule", 1),
        Finding(EntityAt("9", NOON), True, "rule"),
    ]
    done = service(good, erased).record(findings)
    assert (done.recorded, done.repeated) == (1, 1)
    assert done.unknown == [
        UnknownSubject(0, "no decision with that id is stored"),
        UnknownSubject(2, "the record was erased, so there is nothing to label"),
        UnknownSubject(4, "there was no decision on that entity by then"),
    ]


@pytest.mark.parametrize("recorder", [Recorder(), Recorder(pseudonym_key=b"k" * 32)], ids=["plain", "pseudonyms"])
def test_an_entity_is_found_by_its_own_id_however_it_is_stored(recorder):
    decision = kept(7, recorder=recorder)
    labels = service(decision, recorder=recorder)
    assert labels.record([Finding(labels.entity_at(7, NOON), True, "rule")]).recorded == 1
    assert len(labels.history(decision.decision_id)) == 1


def test_without_a_store_there_is_nothing_to_label():
    labels = LabelService(None, Recorder())
    with pytest.raises(NoStore):
        labels.record([])
    with pytest.raises(NoStore):
        labels.history(NOBODYS)
