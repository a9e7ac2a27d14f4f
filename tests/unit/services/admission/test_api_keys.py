"""Keys with a role each; without any, everybody may do everything."""

import pytest

from fraud_detection_api.errors import Forbidden, Unauthenticated
from fraud_detection_api.services.admission.api_keys import SHORTEST_KEY, ApiKeys

SCORE_KEY = "s" * SHORTEST_KEY
ANALYST_KEY = "n" * 20
MONITOR_KEY = "m" * 20
ADMIN_KEY = "a" * 40
KEYS = ApiKeys.parse(f"score:{SCORE_KEY},analyst:{ANALYST_KEY},monitor:{MONITOR_KEY},admin:{ADMIN_KEY}")


def bearer(key: str) -> str:
    return f"Bearer {key}"


@pytest.mark.parametrize("text", ["", " ", ",", "\n,\n"])
def test_a_text_without_entries_holds_no_keys(text):
    assert not ApiKeys.parse(text)


@pytest.mark.parametrize("authorization", [None, "", "nonsense"])
def test_without_keys_everybody_passes(authorization):
    ApiKeys.parse("").require("admin", authorization)


@pytest.mark.parametrize(
    ("role", "key"),
    [
        ("score", SCORE_KEY),
        ("analyst", ANALYST_KEY),
        ("monitor", MONITOR_KEY),
        ("score", ADMIN_KEY),
        ("monitor", ADMIN_KEY),
        ("analyst", ADMIN_KEY),
        ("admin", ADMIN_KEY),
    ],
)
def test_a_key_passes_what_its_role_may_do(role, key):
    KEYS.require(role, bearer(key))


@pytest.mark.parametrize("role", ["score", "analyst", "admin"])
def test_a_monitors_key_may_do_nothing_else(role):
    with pytest.raises(Forbidden, match="this key has the role monitor"):
        KEYS.require(role, bearer(MONITOR_KEY))


def test_one_of_several_roles_is_enough():
    for key in (MONITOR_KEY, ANALYST_KEY, ADMIN_KEY):
        KEYS.require("monitor", bearer(key), "analyst")
    with pytest.raises(Forbidden, match="role score; the route needs monitor or analyst"):
        KEYS.require("monitor", bearer(SCORE_KEY), "analyst")


def test_a_scoring_key_may_not_administer():
    with pytest.raises(Forbidden, match="role score; the route needs admin"):
        KEYS.require("admin", bearer(SCORE_KEY))


@pytest.mark.parametrize(("role", "key"), [("analyst", SCORE_KEY), ("score", ANALYST_KEY), ("admin", ANALYST_KEY)])
def test_scoring_and_reading_decisions_need_different_roles(role, key):
    with pytest.raises(Forbidden, match=f"the route needs {role}"):
        KEYS.require(role, bearer(key))


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", ADMIN_KEY, f"Basic {ADMIN_KEY}", f"Bearer{ADMIN_KEY}"],
)
def test_a_caller_without_a_bearer_key_is_asked_for_one(authorization):
    with pytest.raises(Unauthenticated, match="send a key"):
        KEYS.require("score", authorization)


@pytest.mark.parametrize("key", [ADMIN_KEY[:-1], ADMIN_KEY + "a", ADMIN_KEY.upper(), "schlüssel" * 3])
def test_an_unknown_key_is_refused_and_not_shown(key):
    with pytest.raises(Unauthenticated) as caught:
        KEYS.require("score", bearer(key))
    assert str(caught.value) == "this key is not known"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
def test_the_scheme_is_read_in_any_case(scheme):
    KEYS.require("admin", f"{scheme} {ADMIN_KEY}")


def test_entries_may_be_on_separate_lines():
    keys = ApiKeys.parse(f"\n score:{SCORE_KEY} \n admin:{ADMIN_KEY}\n")
    keys.require("admin", bearer(ADMIN_KEY))
    assert bool(keys)


def test_a_key_may_hold_colons():
    ApiKeys.parse("admin:aaaa:bbbb:cccc:dddd").require("admin", bearer("aaaa:bbbb:cccc:dddd"))


@pytest.mark.parametrize(
    "entry",
    ["s3cret-without-a-role", "root:s3cret-and-long-enough", ":s3cret-and-long-enough", "Admin:s3cret-s3cret-s3cret"],
)
def test_an_entry_without_a_known_role_is_refused_by_number_and_never_shown(entry):
    with pytest.raises(ValueError, match="entry 2 must be role:key") as caught:
        ApiKeys.parse(f"score:{SCORE_KEY},{entry}")
    assert "s3cret" not in str(caught.value)
    assert SCORE_KEY not in str(caught.value)


def test_a_short_key_is_refused_by_number_and_never_shown():
    with pytest.raises(ValueError, match="key of entry 1 is shorter than 16") as caught:
        ApiKeys.parse("admin:s3cret")
    assert "s3cret" not in str(caught.value)


def test_keys_are_held_as_digests_and_never_printed():
    assert ADMIN_KEY not in repr(KEYS)
    assert ADMIN_KEY not in str(KEYS.roles)
