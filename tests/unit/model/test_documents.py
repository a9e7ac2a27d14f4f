"""A document is an object of plain JSON, or it is refused."""

import pytest

from fraud_detection_api.model.documents import DEEPEST, json_object


def test_an_object_is_read_as_json_reads_it():
    assert json_object(b'{"a": [1, 2.5, null, {"b": "\xc3\xa9"}]}') == {"a": [1, 2.5, None, {"b": "é"}]}


REFUSED = {
    "nothing": b"",
    "an array": b"[]",
    "a number": b"1",
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "a key twice": b'{"a": {"b": 1, "b": 1}}',
    "a number of too many digits": b'{"a": ' + b"9" * 5000 + b"}",
    "bytes that are not UTF-8": b'{"a": "\xff"}',
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "closed deep arrays": b'{"a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_all_else_is_refused(content):
    with pytest.raises(ValueError, match=r"\w"):
        json_object(content)


def test_the_deepest_document_is_read():
    assert json_object(b'{"a": ' + b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1) + b"}")
