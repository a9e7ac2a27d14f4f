"""Accounts, sessions, failed sign-ins and the console's audit trail, as the services use their store."""

from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args

ConsoleRole = Literal["analyst", "monitor", "auditor", "admin"]
"""What a person may do. The role `score` of keys is for programs."""

ROLES: tuple[ConsoleRole, ...] = get_args(ConsoleRole)

Deed: TypeAlias = Literal[
    "account_added",
    "account_removed",
    "password_changed",
    "role_changed",
    "signed_in",
    "signed_out",
    "viewed_decision",
    "exported",
    "promotion_ordered",
    "rollback_ordered",
    "challenge_ordered",
    "challenge_end_ordered",
    # of a case of the review queue
    "case_viewed",
    "labelled_fraud",
    "labelled_legitimate",
    "left_unsure",
    "escalated",
    "noted",
    "released",
    "appealed",
    "check_judged",
    "golden_added",
    "golden_removed",
]


class Account(NamedTuple):
    """A person who may sign in. `is_lead` also leads reviewers. `created_at` is milliseconds since 1970.

    An account `from_provider` has no password here.
    """

    name: str
    role: ConsoleRole
    is_lead: bool
    created_at: int
    from_provider: bool = False


class AuditLine(NamedTuple):
    """Who did what, about whom or what, and when in milliseconds since 1970. The address of a person is not stored."""

    at: int
    who: str
    what: Deed
    about: str


class TrailFilter(NamedTuple):
    """A condition on lines of the audit trail: all that is not None must hold."""

    who: str | None = None
    what: Deed | None = None
    about: str | None = None


class NumberedLine(NamedTuple):
    """A line of the audit trail. Later lines have higher numbers."""

    number: int
    line: AuditLine


class FoundLines(NamedTuple):
    """Lines of the audit trail, newest first, and the number of the last that was looked at if others may be before it."""

    lines: list[NumberedLine]
    reached: int | None


class Session(NamedTuple):
    """A session of an account. Times are milliseconds since 1970; `seen_at` is the last use, to the minute."""

    account: Account
    opened_at: int
    seen_at: int


class Attempts(NamedTuple):
    """Failed or unfinished sign-ins in a row, and when the first of them was, in milliseconds since 1970."""

    made: int
    since: int


class AccountStore(Protocol):
    """Stores accounts and what belongs to them. Any thread may call each method, which raises StoreUnavailable.

    A change and its line in the audit trail are one transaction. Sessions are known by the SHA-256 of their token.
    """

    def has_accounts(self) -> bool:
        """Whether anybody has an account."""

    def accounts(self) -> list[Account]:
        """All accounts, by name."""

    def add(self, account: Account, password_hash: str, line: AuditLine) -> bool:
        """Add an account; False if there is one of that name."""

    def admit(self, account: Account, subject: str, line: AuditLine) -> Account | None:
        """The account of a provider's subject: as it is, under the name that it has, with this role; a new one otherwise.

        None if somebody else has the name. `line` is written of a new account, and of one with another role.
        """

    def remove(self, name: str, line: AuditLine) -> bool:
        """Remove an account with its sessions; False if there is none of that name."""

    def change_password(self, name: str, password_hash: str, line: AuditLine) -> bool:
        """Set another password and end the account's sessions; False if there is none of that name with a password."""

    def find(self, name: str) -> tuple[Account, str] | None:
        """An account that has a password, and its hash."""

    def attempt(self, subject: bytes, at: int, *, since: int) -> Attempts:
        """Count an attempt, for all processes at once. A row of attempts that began before `since` is forgotten."""

    def forget_attempts(self, subject: bytes) -> None:
        """Forget the attempts of a subject."""

    def open_session(self, digest: bytes, line: AuditLine, *, opened_since: int) -> None:
        """Open a session of the account that the line is about; remove sessions that were opened before `opened_since`."""

    def session(self, digest: bytes) -> Session | None:
        """The session, whether it has expired or not."""

    def touch(self, digest: bytes, at: int) -> None:
        """Note that the session was used."""

    def end_session(self, digest: bytes, line: AuditLine | None = None) -> None:
        """End a session, by its owner or because it expired."""

    def note(self, line: AuditLine) -> None:
        """Add a line to the audit trail, about what changes nothing in the store."""

    def trail(self, *, limit: int) -> list[AuditLine]:
        """The last lines of the audit trail, newest first."""

    def search_trail(self, where: TrailFilter, *, limit: int, among: int, before: int | None = None) -> FoundLines:
        """The newest lines that match, of the newest `among` lines before a number, if one is given."""

    def close(self) -> None:
        """Release connections."""
