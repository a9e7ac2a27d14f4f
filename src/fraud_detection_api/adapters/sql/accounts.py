"""AccountStore in SQL."""

from collections.abc import Sequence

from fraud_detection_api.adapters.sql.database import Database, Row, Session
from fraud_detection_api.services.accounts import account_store
from fraud_detection_api.services.accounts.account_store import (
    Account,
    Attempts,
    AuditLine,
    FoundLines,
    NumberedLine,
    TrailFilter,
)

_ACCOUNT = "accounts.name, accounts.role, accounts.is_lead, accounts.created_at, accounts.subject IS NOT NULL"
_COLUMNS = len(Account._fields)
_SELECT = f"SELECT {_ACCOUNT}, password_hash FROM accounts"  # noqa: S608 names of columns

_ADD = """
INSERT INTO accounts (name, role, is_lead, created_at, password_hash) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"""

_ADMIT = """
INSERT INTO accounts (name, role, is_lead, created_at, password_hash, subject) VALUES (?, ?, ?, ?, '', ?)
ON CONFLICT DO NOTHING"""

# one statement, so that attempts in other processes are counted together
_ATTEMPT = """
INSERT INTO sign_in_attempts (subject, began_at, attempts) VALUES (?, ?, 1)
ON CONFLICT (subject) DO UPDATE SET
  attempts = CASE WHEN sign_in_attempts.began_at < ? THEN 1 ELSE sign_in_attempts.attempts + 1 END,
  began_at = CASE WHEN sign_in_attempts.began_at < ? THEN excluded.began_at ELSE sign_in_attempts.began_at END
RETURNING attempts, began_at"""

_SESSION = f"""
SELECT {_ACCOUNT}, opened_at, seen_at FROM console_sessions JOIN accounts ON accounts.name = console_sessions.account
WHERE token_digest = ?"""  # noqa: S608 names of columns

_OPEN = "INSERT INTO console_sessions (token_digest, account, opened_at, seen_at) VALUES (?, ?, ?, ?)"
AUDIT = "INSERT INTO console_audit (at, who, what, about) VALUES (?, ?, ?, ?)"
_TRAIL = "SELECT at, who, what, about FROM console_audit ORDER BY audit_id DESC LIMIT ?"


class SqlAccountStore:
    """Stores accounts in the database of the decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def has_accounts(self) -> bool:
        with self._database.asking() as session:
            return bool(session.rows("SELECT 1 FROM accounts LIMIT 1"))

    def accounts(self) -> list[Account]:
        with self._database.asking() as session:
            return [_account(row) for row in session.rows(f"{_SELECT} ORDER BY accounts.name")]

    def add(self, account: Account, password_hash: str, line: AuditLine) -> bool:
        row = (account.name, account.role, int(account.is_lead), account.created_at, password_hash)
        with self._database.writing() as session:
            return _audited(session, session.change(_ADD, row), line)

    def admit(self, account: Account, subject: str, line: AuditLine) -> Account | None:
        of_subject = f"{_SELECT} WHERE accounts.subject = ?"
        with self._database.writing() as session:
            row = (account.name, account.role, int(account.is_lead), account.created_at, subject)
            _audited(session, session.change(_ADMIT, row), line)
            rows = session.rows(of_subject, (subject,))
            if not rows:
                return None
            known = _account(rows[0])
            if (known.role, known.is_lead) != (account.role, account.is_lead):
                changed = (account.role, int(account.is_lead), subject)
                session.change("UPDATE accounts SET role = ?, is_lead = ? WHERE subject = ?", changed)
                session.change(AUDIT, line._replace(what="role_changed", about=known.name))
            return known._replace(role=account.role, is_lead=account.is_lead)

    def remove(self, name: str, line: AuditLine) -> bool:
        with self._database.writing() as session:
            _end_all(session, name)
            return _audited(session, session.change("DELETE FROM accounts WHERE name = ?", (name,)), line)

    def change_password(self, name: str, password_hash: str, line: AuditLine) -> bool:
        with self._database.writing() as session:
            _end_all(session, name)
            change = "UPDATE accounts SET password_hash = ? WHERE name = ? AND subject IS NULL"
            return _audited(session, session.change(change, (password_hash, name)), line)

    def find(self, name: str) -> tuple[Account, str] | None:
        with self._database.asking() as session:
            rows = session.rows(f"{_SELECT} WHERE accounts.name = ? AND accounts.subject IS NULL", (name,))
        return (_account(rows[0]), str(rows[0][-1])) if rows else None

    def attempt(self, subject: bytes, at: int, *, since: int) -> Attempts:
        with self._database.writing() as session:
            session.change("DELETE FROM sign_in_attempts WHERE began_at < ? AND subject <> ?", (since, subject))
            return Attempts(*session.rows(_ATTEMPT, (subject, at, since, since))[0])

    def forget_attempts(self, subject: bytes) -> None:
        with self._database.writing() as session:
            session.change("DELETE FROM sign_in_attempts WHERE subject = ?", (subject,))

    def open_session(self, digest: bytes, line: AuditLine, *, opened_since: int) -> None:
        with self._database.writing() as session:
            session.change("DELETE FROM console_sessions WHERE opened_at < ?", (opened_since,))
            session.change(_OPEN, (digest, line.about, line.at, line.at))
            session.change(AUDIT, line)

    def session(self, digest: bytes) -> account_store.Session | None:
        with self._database.asking() as session:
            rows = session.rows(_SESSION, (digest,))
        return account_store.Session(_account(rows[0]), *rows[0][-2:]) if rows else None

    def touch(self, digest: bytes, at: int) -> None:
        with self._database.writing() as session:
            session.change("UPDATE console_sessions SET seen_at = ? WHERE token_digest = ?", (at, digest))

    def end_session(self, digest: bytes, line: AuditLine | None = None) -> None:
        with self._database.writing() as session:
            ended = session.change("DELETE FROM console_sessions WHERE token_digest = ?", (digest,))
            if line is not None:
                _audited(session, ended, line)

    def note(self, line: AuditLine) -> None:
        with self._database.stating() as session:
            session.change(AUDIT, line)

    def search_trail(self, where: TrailFilter, *, limit: int, among: int, before: int | None = None) -> FoundLines:
        bound = "" if before is None else "WHERE audit_id < ? "
        first = () if before is None else (before,)
        candidates = f"SELECT audit_id, at, who, what, about FROM console_audit {bound}ORDER BY audit_id DESC LIMIT ?"  # noqa: S608
        wanted = {f"{name} = ?": value for name, value in where._asdict().items() if value is not None}
        condition = f"WHERE {' AND '.join(wanted)} " if wanted else ""
        statement = f"SELECT * FROM ({candidates}) AS looked {condition}ORDER BY audit_id DESC LIMIT ?"  # noqa: S608
        with self._database.reading() as session:
            rows = session.rows(statement, (*first, among, *wanted.values(), limit))
            # a full page stopped somewhere; otherwise all candidates were looked at, and there may be more
            last = [] if len(rows) >= limit else session.rows(f"{candidates} OFFSET ?", (*first, 1, among - 1))
        lines = [NumberedLine(number, AuditLine(*line)) for number, *line in rows]
        return FoundLines(lines, last[0][0] if last else None)

    def trail(self, *, limit: int) -> list[AuditLine]:
        with self._database.asking() as session:
            return [AuditLine(*row) for row in session.rows(_TRAIL, (limit,))]

    def close(self) -> None:
        self._database.close()


def _end_all(session: Session, name: str) -> None:
    session.change("DELETE FROM console_sessions WHERE account = ?", (name,))


def _audited(session: Session, changed: int, line: AuditLine) -> bool:
    """Whether something was changed, which then has its line."""
    if changed:
        session.change(AUDIT, line)
    return bool(changed)


def _account(row: Sequence[object] | Row) -> Account:
    name, role, is_lead, created_at, from_provider = row[:_COLUMNS]
    return Account(name, role, bool(is_lead), created_at, bool(from_provider))  # type: ignore[arg-type]
