"""The keys of JSON objects, of which a body may have half a million."""

import time

import pytest

from fraud_detection_api.schemas.records.json_keys import (
    array_in,
    array_length,
    drop_needless_keys,
    emptied,
    has_more_containers,
    parsed_json,
    part_of,
    repeat_more,
)


def test_more_unknown_keys_than_an_answer_lists_are_dropped_in_order():
    objects = [{"known": 1, "a": 1, "b": 2}, {"c": 3, "known": 1, "d": 4}]
    assert drop_needless_keys([(each, {"known"}) for each in objects], most=3)
    assert objects == [{"known": 1, "a": 1, "b": 2}, {"c": 3, "known": 1}]


def test_repetitions_of_keys_are_counted_in_all_objects():
    objects = [
        (parsed_json(body), ()) for body in (b'{"a": 1, "a": 1, "a": 1}', b'{"a": 1, "b": 1}', b'{"b": 1, "b": 1}')
    ]
    assert repeat_more(objects, 2)
    assert not repeat_more(objects, 3)


def test_as_many_unknown_keys_as_an_answer_lists_stay():
    objects = [{"a": 1}, "no object", {"b": 2}]
    assert not drop_needless_keys([(each, {"known"}) for each in objects], most=2)
    assert objects == [{"a": 1}, "no object", {"b": 2}]


def test_digits_without_end_do_not_hide_the_other_keys():
    assert parsed_json(b'{"a": ' + b"9" * 5000 + b', "b": 1}').keys() == {"a", "b"}


def test_what_is_no_json_has_no_keys_and_no_array():
    assert parsed_json(b"[" * 100_000) is None
    assert array_in(None, ("records",)) == []
    assert array_length(b"[1, 2", ()) == 0


def test_an_array_is_counted_where_it_is():
    assert array_length(b'{"records": [{}, {}]}', ("records",)) == 2
    assert array_length(b"[{}]", ()) == 1


def test_values_of_unknown_keys_and_arrays_and_objects_in_known_ones_are_emptied():
    objects = [{"known": {"a": 1}, "other": [1, 2]}, {"known": [1], "too": "text"}, {"known": "text"}, 7]
    empty = [{"known": {}, "other": None}, {"known": [], "too": "text"}, {"known": "text"}, 7]
    assert emptied(objects, (), {"known", "too"}) == empty


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'[{"a": "[[["}, {"\\"{": []}]', 4),
        (b"[]" * 50_000, 50_000),
        (b'["' + b"[{" * 50_000 + b'", {}]', 2),
        (b'["' + b"x" * 70_000 + b'\\"[", []]', 2),
        (b'[{"' + b"[" * 70_000, 2),
    ],
    ids=["short", "long", "long text", "text with a quote in it", "text without an end"],
)
def test_arrays_and_objects_are_counted_outside_of_texts(body, count):
    assert has_more_containers(body, count - 1)
    assert not has_more_containers(body, count)


@pytest.mark.parametrize("shift", range(4))
def test_escapes_are_read_as_such_wherever_a_window_ends(shift):
    text = "x" * shift + r"\\" * 40_000 + r"\"[[" * 10_000
    body = f'["{text}", [], "{text}"]'.encode()
    assert has_more_containers(body, 1)
    assert not has_more_containers(body, 2)


def test_texts_of_escaped_quotes_are_passed_over_as_fast_as_others():
    text = r"\"" * 17_000
    body = f'["{{{{", "{text}", "{text}"]'.encode()
    began = time.process_time()
    assert not has_more_containers(body, 1)
    assert time.process_time() - began < 1


def test_what_is_no_request_is_emptied_and_keeps_its_kind():
    assert emptied({"a": [1]}, (), {"a"}) == {}
    assert emptied([[1], [2]], ("records",), {"a"}) == []
    assert emptied([[1, [2]]], (), {"a"}) == [[]]
    assert emptied({"records": [{"a": [1]}], "b": {"c": 1}}, ("records",), {"a"}) == {"records": [{"a": []}], "b": {}}


def test_the_parts_of_a_body_have_all_items_and_what_is_beside_them_once():
    body = {"records": [1, 2, 3], "explain": 7}
    assert part_of(body, ("records",), 0, 2) == {"records": [1, 2], "explain": 7}
    assert part_of(body, ("records",), 2, 2) == {"records": [3]}
    assert part_of([1, 2, 3], (), 2, 2) == [3]
    assert part_of("text", (), 0, 2) == "text"
