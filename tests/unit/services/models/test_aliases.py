"""Changes of aliases as text, and which of them took effect."""

import json

import pytest

from fraud_detection_api.services.models.aliases import AliasChange, Cause, change_text, parsed_change, with_effects

CAUSE = Cause("promote", "anna", "it is better", True, "failed", ("too few",), "sha256:1")
CHANGE = AliasChange(1_795_341_600_123, "champion", "1", "2", CAUSE)


def change(before, after, alias="champion") -> AliasChange:
    return AliasChange(0, alias, before, after, Cause())


def effects(changes, champion=None, challenger=None) -> list[bool]:
    judged = with_effects(changes, {"champion": champion, "challenger": challenger})
    assert [one._replace(took_effect=True) for one in judged] == list(changes)
    return [one.took_effect for one in judged]


def test_a_change_comes_back_from_its_text():
    assert parsed_change(change_text(CHANGE)) == CHANGE


def test_the_longest_text_fits_a_tag_of_5000_characters():
    long = CAUSE._replace(
        by="b" * 9000, reason="r" * 9000, gate_reasons=("g" * 9000,) * 99, digest="sha256:" + "0" * 64
    )
    assert len(change_text(CHANGE._replace(cause=long))) < 5000


def test_an_entry_without_the_gates_evidence_is_read():
    old = CHANGE._replace(cause=CAUSE._replace(forced=False, gate="passed", gate_reasons=()))
    assert parsed_change(change_text(old)) == old


@pytest.mark.parametrize(
    "changed",
    [
        {"at": None},
        {"at": 7},
        {"at": "yesterday"},
        {"alias": "king"},
        {"action": "crown"},
        {"from": 1},
        {"to": ["2"]},
        {"by": None},
        {"forced": 1},
        {"gate": "open"},
        {"gate_reasons": [1]},
        {"gate_reasons": 1},
    ],
    ids=str,
)
def test_a_text_that_is_not_a_change_is_not_read(changed):
    assert parsed_change(json.dumps({**json.loads(change_text(CHANGE)), **changed})) is None


def test_all_changes_of_an_unbroken_chain_took_effect():
    assert effects([change(None, "1"), change("1", "2"), change("2", "1")], champion="1") == [True, True, True]


def test_the_last_change_had_no_effect_where_the_alias_has_not_moved():
    assert effects([change(None, "1"), change("1", "2")], champion="1") == [True, False]


def test_a_change_had_no_effect_where_the_next_one_began_at_the_same_version():
    assert effects([change(None, "1"), change("1", "2"), change("1", "3")], champion="3") == [True, False, True]


def test_each_alias_is_judged_by_its_own_changes():
    changes = [change(None, "1"), change(None, "2", "challenger"), change("1", "2"), change("2", None, "challenger")]
    assert effects(changes, champion="2") == [True, True, True, True]
    assert effects(changes, champion="1", challenger="2") == [True, True, False, False]


def test_a_first_change_without_effect_leaves_the_alias_unassigned():
    assert effects([change(None, "1")]) == [False]
