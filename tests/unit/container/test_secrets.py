"""Keys come from a setting or from its file; keys that cannot be used are refused, and never shown."""

import os

import pytest

from fraud_detection_api.container.secrets import build_keys
from fraud_detection_api.errors import InvalidSetting, Unauthenticated
from fraud_detection_api.settings import Settings

KEY = "k" * 24


def test_without_keys_everybody_passes():
    assert not build_keys(Settings())


def test_keys_come_from_the_setting():
    keys = build_keys(Settings(api_keys=f"admin:{KEY}"))
    keys.require("admin", f"Bearer {KEY}")
    with pytest.raises(Unauthenticated):
        keys.require("score", None)


def test_keys_come_from_a_file(tmp_path):
    (tmp_path / "keys").write_text(f"score:{'s' * 20}\nadmin:{KEY}\n")
    build_keys(Settings(api_keys_file=tmp_path / "keys")).require("admin", f"Bearer {KEY}")


def refusal(**settings) -> str:
    with pytest.raises(InvalidSetting) as caught:
        build_keys(Settings(**settings))
    return str(caught.value)


def test_keys_from_both_places_are_refused(tmp_path):
    (tmp_path / "keys").write_text(f"admin:{KEY}")
    told = refusal(api_keys=f"admin:{KEY}", api_keys_file=tmp_path / "keys")
    assert told.startswith("FRAUD_API_KEYS: set either FRAUD_API_KEYS or FRAUD_API_KEYS_FILE, not both")


def test_a_missing_key_file_is_refused(tmp_path):
    assert refusal(api_keys_file=tmp_path / "none").startswith("FRAUD_API_KEYS_FILE: no such file: ")


def test_a_binary_key_file_is_refused(tmp_path):
    (tmp_path / "keys").write_bytes(b"\xff\xfe")
    assert refusal(api_keys_file=tmp_path / "keys").startswith("FRAUD_API_KEYS_FILE: not UTF-8 text: ")


def test_a_key_file_that_may_never_end_is_refused(tmp_path):
    os.mkfifo(tmp_path / "keys")
    for path in (tmp_path / "keys", "/dev/zero", tmp_path):
        assert refusal(api_keys_file=path).startswith("FRAUD_API_KEYS_FILE: not a regular file: ")


def test_a_key_file_may_begin_with_the_mark_of_its_encoding(tmp_path):
    (tmp_path / "keys").write_bytes(b"\xef\xbb\xbf" + f"admin:{KEY}\r\n".encode())
    build_keys(Settings(api_keys_file=tmp_path / "keys")).require("admin", f"Bearer {KEY}")


@pytest.mark.parametrize("content", ["", " \n"])
def test_a_key_file_without_a_key_is_refused(tmp_path, content):
    (tmp_path / "keys").write_text(content)
    assert refusal(api_keys_file=tmp_path / "keys").startswith("FRAUD_API_KEYS_FILE: the file holds no key")


def test_a_key_that_cannot_be_used_is_refused_and_not_shown(tmp_path):
    assert "s3cret" not in refusal(api_keys="admin:s3cret")
    (tmp_path / "keys").write_text("root:s3cret-s3cret-s3cret")
    told = refusal(api_keys_file=tmp_path / "keys")
    assert told.startswith("FRAUD_API_KEYS_FILE: entry 1 must be role:key")
    assert "s3cret" not in told
