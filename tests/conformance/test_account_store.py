"""One suite for the AccountStore on both databases."""

import pytest

from fraud_detection_api.adapters.sql.accounts import SqlAccountStore
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.services.accounts.account_store import Account, Attempts, AuditLine, Session, TrailFilter

MIRA = Account("mira", "analyst", True, 1_000)
OMAR = Account("omar", "auditor", False, 2_000)
TOKEN, OTHER_TOKEN = b"t" * 32, b"o" * 32


def line(what="account_added", about="mira", at=1_000, who="root"):
    return AuditLine(at, who, what, about)


@pytest.fixture
def store(database):
    opened = database()
    SqlDecisionStore(opened, idempotency_seconds=60.0).migrate()
    yield SqlAccountStore(opened)
    opened.close()


@pytest.fixture
def inhabited(store):
    store.add(MIRA, "hash of mira", line())
    store.add(OMAR, "hash of omar", line(about="omar"))
    return store


def test_accounts_come_back_as_they_were_added(store):
    assert not store.has_accounts()
    assert store.add(OMAR, "hash of omar", line(about="omar"))
    assert store.add(MIRA, "hash of mira", line())
    assert store.has_accounts()
    assert store.accounts() == [MIRA, OMAR]
    assert store.find("mira") == (MIRA, "hash of mira")
    assert store.find("nobody") is None


def test_a_name_has_one_account_and_a_second_leaves_no_trace(inhabited):
    assert not inhabited.add(MIRA._replace(role="admin"), "another hash", line())
    assert inhabited.find("mira") == (MIRA, "hash of mira")
    assert len(inhabited.trail(limit=10)) == 2


def test_a_subject_of_a_provider_has_one_account_with_its_last_role(inhabited):
    lena = Account("lena", "analyst", False, 3_000, from_provider=True)
    assert inhabited.admit(lena, "issuer 7", line(about="lena", at=3_000)) == lena
    assert inhabited.find("lena") is None  # no password opens it
    assert not inhabited.change_password("lena", "a hash", line("password_changed", "lena"))
    promoted = lena._replace(name="lena.k", role="admin", created_at=9_000)
    assert inhabited.admit(promoted, "issuer 7", line(about="lena.k", at=9_000)) == lena._replace(role="admin")
    assert inhabited.admit(promoted, "issuer 7", line(about="lena.k", at=9_500)) == lena._replace(role="admin")
    assert inhabited.accounts() == [lena._replace(role="admin"), MIRA, OMAR]
    assert [(each.at, each.what, each.about) for each in inhabited.trail(limit=2)] == [
        (9_000, "role_changed", "lena"),
        (3_000, "account_added", "lena"),
    ]


def test_a_subject_gets_no_name_that_somebody_else_has(inhabited):
    taken = MIRA._replace(role="admin", from_provider=True)
    assert inhabited.admit(taken, "issuer 7", line()) is None
    assert inhabited.find("mira") == (MIRA, "hash of mira")
    lena = Account("lena", "analyst", False, 3_000, from_provider=True)
    assert inhabited.admit(lena, "issuer 7", line(about="lena")) == lena
    assert inhabited.admit(lena._replace(role="admin"), "issuer 8", line(about="lena")) is None
    assert len(inhabited.trail(limit=10)) == 3


def test_another_password_ends_the_sessions_of_its_account_alone(inhabited):
    inhabited.open_session(TOKEN, line("signed_in", "mira"), opened_since=0)
    inhabited.open_session(OTHER_TOKEN, line("signed_in", "omar"), opened_since=0)
    assert inhabited.change_password("mira", "new hash", line("password_changed"))
    assert inhabited.find("mira") == (MIRA, "new hash")
    assert inhabited.session(TOKEN) is None
    assert inhabited.session(OTHER_TOKEN).account == OMAR
    assert not inhabited.change_password("nobody", "hash", line("password_changed", "nobody"))


def test_a_removed_account_has_no_session_and_keeps_its_trail(inhabited):
    inhabited.open_session(TOKEN, line("signed_in", at=3_000, who="mira"), opened_since=0)
    assert inhabited.remove("mira", line("account_removed", at=4_000))
    assert inhabited.session(TOKEN) is None
    assert inhabited.accounts() == [OMAR]
    assert [(each.at, each.who, each.what) for each in inhabited.trail(limit=2)] == [
        (4_000, "root", "account_removed"),
        (3_000, "mira", "signed_in"),
    ]
    assert not inhabited.remove("mira", line("account_removed"))


def test_a_session_is_opened_used_and_ended(inhabited):
    inhabited.open_session(TOKEN, line("signed_in", at=5_000), opened_since=0)
    assert inhabited.session(TOKEN) == Session(MIRA, 5_000, 5_000)
    inhabited.touch(TOKEN, 9_000)
    assert inhabited.session(TOKEN) == Session(MIRA, 5_000, 9_000)
    inhabited.end_session(TOKEN, line("signed_out", at=9_500))
    assert inhabited.session(TOKEN) is None
    inhabited.end_session(TOKEN, line("signed_out", at=9_600))
    assert [each.at for each in inhabited.trail(limit=1)] == [9_500]


def test_opening_a_session_removes_those_that_are_too_old(inhabited):
    inhabited.open_session(TOKEN, line("signed_in", at=5_000), opened_since=0)
    inhabited.open_session(OTHER_TOKEN, line("signed_in", "omar", at=9_000), opened_since=5_001)
    assert inhabited.session(TOKEN) is None
    assert inhabited.session(OTHER_TOKEN) is not None


def test_attempts_are_counted_from_their_first_until_that_is_too_old(store):
    assert store.attempt(b"a", 1_000, since=0) == Attempts(1, 1_000)
    assert store.attempt(b"b", 1_100, since=0) == Attempts(1, 1_100)
    assert store.attempt(b"a", 1_900, since=500) == Attempts(2, 1_000)
    assert store.attempt(b"a", 2_500, since=1_001) == Attempts(1, 2_500)
    store.forget_attempts(b"a")
    assert store.attempt(b"a", 2_600, since=0) == Attempts(1, 2_600)


def test_attempts_over_two_connections_are_counted_together(store, database):
    other = database()
    counts = [each.attempt(b"a", 1_000, since=0).made for each in (store, SqlAccountStore(other), store)]
    other.close()
    assert counts == [1, 2, 3]


def test_the_trail_is_searched_a_bounded_number_of_lines_at_a_time(store):
    for at in range(1, 13):
        store.note(line("viewed_decision" if at % 2 else "exported", f"about-{at}", at, "mira" if at % 3 else "omar"))

    def found(limit=9, among=100, before=None, **where):
        lines, reached = store.search_trail(TrailFilter(**where), limit=limit, among=among, before=before)
        return [each.line.at for each in lines], reached

    newest = store.search_trail(TrailFilter(), limit=1, among=100).lines[0].number
    assert found() == ([12, 11, 10, 9, 8, 7, 6, 5, 4], None)
    assert found(who="omar") == ([12, 9, 6, 3], None)
    assert found(who="omar", what="viewed_decision") == ([9, 3], None)
    assert found(about="about-5") == ([5], None)
    assert found(who="omar", among=4) == ([12, 9], newest - 3)
    assert found(who="omar", among=4, before=newest - 3) == ([6], newest - 7)
    assert found(limit=2, before=newest - 3) == ([8, 7], None)


def test_a_line_of_the_trail_can_stand_alone(inhabited):
    inhabited.note(line("promotion_ordered", "version 2", 5_000, "mira"))
    assert inhabited.trail(limit=1) == [AuditLine(5_000, "mira", "promotion_ordered", "version 2")]
    assert inhabited.accounts() == [MIRA, OMAR]
