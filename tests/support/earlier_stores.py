"""Stores as earlier releases left them."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_warnings(database) -> Iterator[None]:
    """Decisions that are stored in the block are in a table that had no column for warnings yet."""
    with database.writing() as session:
        session.change("ALTER TABLE decisions ADD COLUMN warnings TEXT", ())
    yield
    with database.writing() as session:
        session.change("ALTER TABLE decisions DROP COLUMN warnings", ())
