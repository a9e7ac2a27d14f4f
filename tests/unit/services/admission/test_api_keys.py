"""Keys with a role each; without any, everybody may do everything."""

import pytest

from fraud_detection_api.errors import Forbidden, Unauthenticated
from fraud_detection_api.services.admission.api_keys import ApiKeys, digest_of
from fraud_detection_api.services.admission.callers import ANYBODY, Caller
from fraud_detection_api.services.admission.key_entries import SHORTEST_KEY, parse_keys

SCORE_KEY = "s" * SHORTEST_KEY
ANALYST_KEY = "n" * 20
MONITOR_KEY = "m" * 20
ADMIN_KEY = "a" * 40
KEYS = ApiKeys(parse_keys(f"score:{SCORE_KEY},analyst:{ANALYST_KEY},monitor:{MONITOR_KEY},admin:{ADMIN_KEY}"))


def bearer(key: str) -> str:
    return f"Bearer {key}"


@pytest.mark.parametrize("text", ["", " ", ",", "\n,\n"])
def test_a_text_without_entries_holds_no_keys(text):
    assert not ApiKeys(parse_keys(text))


@pytest.mark.parametrize("authorization", [None, "", "nonsense"])
def test_without_keys_everybody_passes(authorization):
    ApiKeys().require("admin", authorization)


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


def test_keys_are_held_as_digests_and_never_printed():
    assert ADMIN_KEY not in repr(KEYS)
    assert ADMIN_KEY not in str(KEYS.callers)


def test_of_equal_keys_the_first_counts():
    keys = ApiKeys(parse_keys(f"score:{ADMIN_KEY},admin:{ADMIN_KEY}"))
    assert keys.caller(bearer(ADMIN_KEY)).role == "score"


def test_without_keys_the_caller_is_anybody():
    assert ApiKeys().caller(None) is ANYBODY
    assert ANYBODY.label == "anybody (no keys are set)"


def test_a_key_without_a_name_is_its_digest_as_in_earlier_releases():
    caller = KEYS.caller(bearer(SCORE_KEY))
    assert caller.identity == caller.digest == digest_of(SCORE_KEY)
    assert caller.label == f"score {digest_of(SCORE_KEY)[:8]}"


def test_keys_of_one_name_are_one_caller_without_rivals():
    old, new = Caller("payments", "score", digest_of(SCORE_KEY)), Caller("payments", "score", digest_of(ADMIN_KEY))
    keys = ApiKeys([old, new])
    assert {keys.caller(bearer(key)).identity for key in (SCORE_KEY, ADMIN_KEY)} == {"payments"}
    assert not keys.caller(bearer(SCORE_KEY)).has_rivals
    assert KEYS.caller(bearer(SCORE_KEY)).has_rivals
