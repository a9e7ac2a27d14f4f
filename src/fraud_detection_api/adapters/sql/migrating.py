"""Runs the migrations; nothing else imports Alembic and SQLAlchemy. A failure raises the driver's own exception."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

LOCK_NUMBER = 4_242_015
"""A number of PostgreSQL's advisory locks: processes that start together migrate one after another."""


_BEGIN = {
    "sqlite": ["BEGIN IMMEDIATE"],  # with the write lock
    "postgresql+psycopg": ["BEGIN", f"SELECT pg_advisory_xact_lock({LOCK_NUMBER})"],
}


def upgrade(driver: str, open_connection: Callable[[], Any], revision: str) -> None:
    """Migrate up to `revision`, in one transaction that begins with a lock. `driver` is SQLAlchemy's name for it."""
    engine = sqlalchemy.create_engine(f"{driver}://", creator=open_connection, poolclass=NullPool)
    with _failures(), engine.connect() as connection:
        for statement in _BEGIN[driver]:
            connection.exec_driver_sql(statement)
        _upgrade(connection, revision)
        connection.exec_driver_sql("COMMIT")


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        if error.orig is None:
            raise
        raise error.orig from error


def _upgrade(connection: Connection, revision: str) -> None:
    with as_file(files("fraud_detection_api.adapters.sql") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
