"""StoreFiles of a PostgreSQL database, as far as statements reach them: the files are the server's."""

from pathlib import Path

from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.errors import BackupFailed
from fraud_detection_api.services.storage.store_upkeep import FileSize

_SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"""


class PostgresFiles:
    """Files of `database`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def exists(self) -> bool:
        return True

    def size(self) -> FileSize:
        with self._database.reading() as session:
            return FileSize(int(session.rows(_SIZE)[0][0]), 0)

    def scrub(self) -> None:
        self._vacuum("VACUUM")

    def traces(self, text: str) -> int:  # noqa: ARG002 the server's files cannot be read
        return 0

    def compact(self) -> None:
        self._vacuum("VACUUM FULL")

    def problems(self) -> list[str]:
        return []

    def backup(self, target: Path) -> None:
        raise BackupFailed(f"PostgreSQL makes its own backups: pg_dump --format=custom --file={target} DATABASE")

    def restore(self, source: Path, *, replace: bool) -> None:  # noqa: ARG002 the port has it
        raise BackupFailed(f"PostgreSQL restores its own backups: pg_restore --clean --dbname=DATABASE {source}")

    def _vacuum(self, verb: str) -> None:
        with self._database.stating() as session:
            session.change("SET statement_timeout = 0")  # it takes as long as the tables are large
            session.change(f"{verb} decisions, labels, idempotency_keys, shadow_decisions, drift_slots")
            session.change("RESET statement_timeout")
