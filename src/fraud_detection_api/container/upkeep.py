"""Builds what maintains the store."""

from fraud_detection_api.adapters.sql.postgres_files import PostgresFiles
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.adapters.sql.sqlite_files import SqliteFiles
from fraud_detection_api.adapters.sql.upkeep import SqlStoreUpkeep
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import build_database, store_in
from fraud_detection_api.errors import NoStore
from fraud_detection_api.services.storage.upkeep import UpkeepService
from fraud_detection_api.settings import Settings


def build_upkeep(settings: Settings) -> UpkeepService:
    """Maintains the store that FRAUD_STORE names. Raises NoStore for `none`, InvalidSetting, MissingExtra."""
    database = build_database(settings)
    if database is None:
        raise NoStore
    files = SqliteFiles(database) if isinstance(database, SqliteDatabase) else PostgresFiles(database)
    return UpkeepService(
        store_in(database, settings),
        SqlStoreUpkeep(database, files),
        recorder=build_recorder(settings),
        idempotency_seconds=settings.idempotency_hours * 3600,
    )
