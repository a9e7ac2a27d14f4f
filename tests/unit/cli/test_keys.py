"""fraud keys new: an entry for the file, and a key for its owner."""

import pytest

from fraud_detection_api.services.admission.api_keys import digest_of
from fraud_detection_api.services.admission.key_entries import parse_keys


def test_the_entry_is_one_of_the_file_and_the_key_is_not_in_it(fraud):
    done = fraud("keys", "new", "payments", "--role", "score")
    [caller] = parse_keys(done.stdout)
    key = done.stderr.split()[-1]
    assert (caller.identity, caller.role, caller.digest) == ("payments", "score", digest_of(key))
    assert len(key) >= 43
    assert key not in done.stdout


@pytest.mark.parametrize("name", ["Payments", "a b", "x" * 64, 'a"\n[limits.a]'])
def test_a_name_that_no_file_may_hold_is_refused(fraud, name):
    done = fraud("keys", "new", name, "--role", "score")
    assert (done.exit_code, done.stdout) == (2, "")


def test_an_unknown_role_is_refused_with_the_roles_that_there_are(fraud):
    done = fraud("keys", "new", "payments", "--role", "root")
    assert done.exit_code == 2
    assert "Invalid value for '--role': 'root' is not one of" in done.stderr
