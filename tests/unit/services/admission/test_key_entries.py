"""Keys as people write them; a refusal names the entry, and never a key."""

import pytest

from fraud_detection_api.services.admission.api_keys import digest_of
from fraud_detection_api.services.admission.callers import Limits
from fraud_detection_api.services.admission.key_entries import SHORTEST_KEY, parse_keys

SCORE_KEY, ADMIN_KEY = "s" * SHORTEST_KEY, "a" * 40
TOML = f"""
# rotated on the 1st
[[keys]]
name = "payments"
role = "score"
sha256 = "{digest_of(SCORE_KEY)}"

[[keys]]
name = "payments"
role = "score"
key = "{ADMIN_KEY}"

[limits.payments]
weight = 2
in_flight = 64
requests_per_second = 500
records_per_second = 20_000
"""


def test_entries_may_be_on_separate_lines():
    digests = [caller.digest for caller in parse_keys(f"\n score:{SCORE_KEY} \n admin:{ADMIN_KEY}\n")]
    assert digests == [digest_of(SCORE_KEY), digest_of(ADMIN_KEY)]


def test_a_key_may_hold_colons():
    [caller] = parse_keys("admin:aaaa:bbbb:cccc:dddd")
    assert caller.digest == digest_of("aaaa:bbbb:cccc:dddd")


@pytest.mark.parametrize(
    "entry",
    ["s3cret-without-a-role", "root:s3cret-and-long-enough", ":s3cret-and-long-enough", "Admin:s3cret-s3cret-s3cret"],
)
def test_an_entry_without_a_known_role_is_refused_by_number_and_never_shown(entry):
    with pytest.raises(ValueError, match="entry 2 must be role:key") as caught:
        parse_keys(f"score:{SCORE_KEY},{entry}")
    assert "s3cret" not in str(caught.value)
    assert SCORE_KEY not in str(caught.value)


def test_toml_without_the_line_that_begins_a_key_is_refused_with_that_line():
    with pytest.raises(ValueError, match=r"in TOML, each key begins with a line \[\[keys\]\]") as caught:
        parse_keys(f'name = "payments"\nrole = "score"\nkey = "{SCORE_KEY}"\n')
    assert SCORE_KEY not in str(caught.value)


def test_a_short_key_is_refused_by_number_and_never_shown():
    with pytest.raises(ValueError, match="key of entry 1 is shorter than 16") as caught:
        parse_keys("admin:s3cret")
    assert "s3cret" not in str(caught.value)


def test_in_toml_a_key_has_a_name_a_role_and_the_limits_of_its_name():
    hashed, plain = parse_keys(TOML)
    assert (hashed.identity, hashed.role, hashed.digest) == ("payments", "score", digest_of(SCORE_KEY))
    assert plain.digest == digest_of(ADMIN_KEY)
    assert hashed.limits == plain.limits == Limits(2, 64, 500, 20_000)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('name = "a"\nrole = "root"\nkey = "s3cret-s3cret-s3cret"', "entry 3: `role` must be"),
        ('name = "A b"\nrole = "score"\nkey = "s3cret-s3cret-s3cret"', "entry 3: `name`"),
        ('name = "a"\nrole = "score"\nkey = "s3cret"', "the key of entry 3 is shorter than 16"),
        ('name = "a"\nrole = "score"', "entry 3 needs either `key` or `sha256`"),
        ('name = "a"\nrole = "score"\nsha256 = "s3cret"', "entry 3: `sha256`"),
        ('name = "a"\nrole = "score"\ns3cret-s3cret = "x"', "entry 3 has an unknown field; known are name, role"),
        ('name = "a"\nrole = "score"\nkey = s3cret-s3cret-s3cret', "it is not valid TOML at line"),
        (f'name = "a"\nrole = "admin"\nkey = "{ADMIN_KEY}"', "two entries hold the same key"),
    ],
)
def test_a_bad_entry_is_told_by_number_and_no_key_is_shown(entry, told):
    with pytest.raises(ValueError, match="^" + told) as caught:
        parse_keys(f"{TOML.partition('[limits')[0]}\n[[keys]]\n{entry}\n")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ("[limits.payment]", "limits.payment: no key has this name"),
        ("[limits.payments]\nweight = 1e-300", "limits.payments: `weight` must be at least 0.001"),
        ("[limits.payments]\nweight = 1e300", "limits.payments: `weight` must be at most 1000"),
        ("[limits.payments]\nweight = true", "limits.payments: `weight` must be a number"),
        ("[limits.payments]\nin_flight = '2'", "limits.payments: `in_flight` must be an integer"),
        ("[limits.payments]\nrequests_per_second = 1e-300", "limits.payments: `requests_per_second` must be at least"),
        (f"[limits.payments]\nweight = {'[' * 9000}", "it is nested too deeply"),
        ("[limits.payments]\nburst = 9", "limits.payments has an unknown field"),
    ],
)
def test_bad_limits_are_told_by_their_name(limits, told):
    with pytest.raises(ValueError, match="^" + told):
        parse_keys(f"{TOML.partition('[limits')[0]}\n{limits}\n")
