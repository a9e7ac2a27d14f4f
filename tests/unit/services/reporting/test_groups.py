"""Groups of the people that kept decisions are about: of protected features, and of a file."""

import numpy as np

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.services.reporting.groups import NO_GROUPS, EntityGroups, groups_of, joined
from support.builders import EVERY_DTYPE
from support.kept import kept

PROTECTED = EVERY_DTYPE.replace("[features.channel]\n", "[features.channel]\nprotected = true\n").replace(
    "[features.instalments]\n", "[features.instalments]\nprotected = true\n"
)
CONTRACT = contract_from_toml(PROTECTED, source="x.toml")
READABLE = '{"channel":"web","instalments":3,"opened_at":"2025-01-02T03:04:05Z"}'


def decisions(*records):
    return [kept(number, record=record, entity=f'"A-{number}"') for number, record in enumerate(records)]


def test_protected_features_are_read_from_the_records():
    found = groups_of(CONTRACT, decisions(READABLE, '{"channel":null,"instalments":4}'), NO_GROUPS)
    assert found["channel"].tolist() == ["web", None]
    assert found["instalments"].tolist() == [3.0, 4.0]


def test_a_record_that_is_erased_or_was_changed_is_in_no_group():
    found = groups_of(CONTRACT, decisions(READABLE, None, '["web"]', "{", READABLE), NO_GROUPS)
    assert found["channel"].tolist() == ["web", None, None, None, "web"]
    np.testing.assert_array_equal(found["instalments"], [3.0, np.nan, np.nan, np.nan, 3.0])


def test_groups_of_a_file_are_found_by_entity():
    sexes, ages = np.array(["f", "m"], dtype=object), np.array([61.0, 20.0])
    beside = EntityGroups({'"A-0"': 0, '"A-2"': 1}, {"sex": sexes, "age": ages})
    rows = [*decisions(READABLE, READABLE, READABLE), kept(3, entity=None)]
    found = groups_of(CONTRACT, rows, beside)
    assert list(found) == ["instalments", "channel", "sex", "age"]
    assert found["sex"].tolist() == ["f", None, "m", None]
    np.testing.assert_array_equal(found["age"], [61.0, np.nan, 20.0, np.nan])


def test_parts_are_joined_in_order():
    parts = [{"sex": np.array([each], dtype=object)} for each in ("f", None, "m")]
    assert joined(parts)["sex"].tolist() == ["f", None, "m"]
    assert joined([]) == {}
