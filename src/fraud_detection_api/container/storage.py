"""Builds what stores decisions and maintains the store, from the settings; the writer's process needs nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from fraud_detection_api.adapters.journal import FileJournal
from fraud_detection_api.adapters.root_copies import WEB_SECONDS, RootFile, posted_to
from fraud_detection_api.adapters.sockets.writer import WriterClient, WriterServer
from fraud_detection_api.adapters.sql.clock import DatabaseClock
from fraud_detection_api.adapters.sql.database import Database, no_store_in
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.events import SqlEventStore
from fraud_detection_api.adapters.sql.exclusive import PostgresExclusiveLock, SqliteExclusiveLock
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.log import SqlLogStore
from fraud_detection_api.adapters.sql.observations import SqlObservationStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase, PostgresFiles
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.adapters.sql.sqlite_files import SqliteFiles
from fraud_detection_api.adapters.sql.upkeep import SqlStoreUpkeep
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.decision.log import SignedRoot
from fraud_detection_api.errors import InvalidEvidence, InvalidSetting, NoStore
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.auditing.log_store import LogStore
from fraud_detection_api.services.auditing.sequencing import Sequencer
from fraud_detection_api.services.auditing.verification import Verification
from fraud_detection_api.services.history.events import EventStore
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.observing.observation_store import ObservationStore
from fraud_detection_api.services.storage import store_metrics
from fraud_detection_api.services.storage.contracts import store_mismatch
from fraud_detection_api.services.storage.decision_store import DecisionStore, ExclusiveLock
from fraud_detection_api.services.storage.decision_writer import DecisionJournal, DecisionWriter
from fraud_detection_api.services.storage.local_writer import LocalWriter
from fraud_detection_api.services.storage.patience import PatientThreads, patient
from fraud_detection_api.services.storage.upkeep import UpkeepService
from fraud_detection_api.services.storage.writing import GroupCommit
from fraud_detection_api.settings import Settings

WRITER_SECONDS = 0.85
"""A decision writer that does not answer so long after the store's timeout hangs; `GroupCommit` needs less."""

SQLITE, POSTGRESQL = "sqlite:///", "postgresql://"


def build_database(
    settings: Settings, *, synchronous: Literal["FULL", "NORMAL"] = "FULL"
) -> SqliteDatabase | PostgresDatabase | None:
    """The database that FRAUD_STORE names, None for `none`; this does not connect to it.

    `synchronous` is SQLite's: what cannot be recomputed needs FULL. Raises InvalidSetting for an invalid address,
    MissingExtra without the extra `postgres`.
    """
    location, timeout = settings.store, settings.store_timeout_seconds
    if location == "none":
        return None
    if location.startswith(SQLITE) and (path := location.removeprefix(SQLITE)):
        return SqliteDatabase(Path(path), timeout_seconds=timeout, synchronous=synchronous)
    if location.startswith(POSTGRESQL):
        return PostgresDatabase(location, timeout_seconds=timeout)
    raise InvalidSetting("FRAUD_STORE", "must be sqlite:///FILE, postgresql://…, or none")


def require_database(
    settings: Settings, *, synchronous: Literal["FULL", "NORMAL"] = "FULL"
) -> SqliteDatabase | PostgresDatabase:
    """The database that FRAUD_STORE names. Raises NoStore for `none`, and as `build_database`."""
    database = build_database(settings, synchronous=synchronous)
    if database is None:
        raise NoStore
    return database


class Stores(NamedTuple):
    """The stores in one database: decisions, their labels, and what the observer derives from them."""

    decisions: DecisionStore
    labels: LabelStore
    observations: ObservationStore


def stores_in(database: Database, settings: Settings) -> Stores:
    """The stores in a database."""
    clock = DatabaseClock(database)
    decisions = SqlDecisionStore(database, idempotency_seconds=settings.idempotency_hours * 3600, wall_clock=clock)
    return Stores(decisions, SqlLabelStore(database, build_recorder(settings)), SqlObservationStore(database))


def event_store_in(database: Database) -> EventStore:
    """The store of events that are no decisions, beside those in the same database."""
    return SqlEventStore(database)


def build_store(settings: Settings) -> DecisionStore | None:
    """The store of decisions, None for `none`. Raises as `build_database`."""
    database = build_database(settings)
    return None if database is None else stores_in(database, settings).decisions


def store_name(settings: Settings) -> str:
    """The store as errors name it, without a password. Raises as `build_database`."""
    database = build_database(settings)
    return settings.store if database is None else database.name


def existing_stores(settings: Settings, *, contract: str | None = None) -> Stores:
    """The stores for a command, migrated.

    Raises StoreUnavailable where they do not exist, ContractMismatch where they hold decisions of another contract than the
    one of this name, and as `require_database`.
    """
    database = require_database(settings)
    if isinstance(database, SqliteDatabase) and not database.path.exists():
        raise no_store_in(database)
    stores = stores_in(database, settings)
    stores.decisions.migrate()
    if contract is not None and (held := stores.decisions.contract()) not in (None, contract):
        assert held is not None
        raise store_mismatch(database.name, held, contract)
    return stores


@contextmanager
def open_stores(settings: Settings, *, contract: str | None = None) -> Iterator[Stores]:
    """The stores for a command, while the block runs. Raises as `existing_stores`."""
    stores = existing_stores(settings, contract=contract)
    try:
        yield stores
    finally:
        stores.decisions.close()


def build_clock(database: Database) -> Callable[[], float]:
    """The clock of a database, in seconds since 1970."""
    return DatabaseClock(database)


def build_lock(database: SqliteDatabase | PostgresDatabase) -> ExclusiveLock:
    """Locks shared by all users of a database."""
    return SqliteExclusiveLock(database) if isinstance(database, SqliteDatabase) else PostgresExclusiveLock(database)


def build_sequencer(settings: Settings, registry: ModelRegistry, threads: PatientThreads | None = None) -> Sequencer:
    """What brings the log of the store that FRAUD_STORE names into order, and signs it. Raises as `require_database`.

    The observer waits for the store in `threads`.
    """
    # what is moved may be lost and moved again; a root that is copied elsewhere must not be lost here
    log: LogStore = SqlLogStore(require_database(settings, synchronous="NORMAL"), require_database(settings))
    log = log if threads is None else patient(log, threads)
    copy = build_root_copy(settings.log_roots)
    return Sequencer(log, build_recorder(settings).log_key, changes=registry.audit, copy=copy)


def build_root_file(path: Path) -> RootFile:
    """Signed roots in a file."""
    return RootFile(path)


def build_root_copy(target: str | None) -> Callable[[SignedRoot], None] | None:
    """Where each signed root is copied to; None for nowhere. Raises InvalidSetting.

    A place that hangs, whether an address or a network's folder, is an error after some time.
    """
    if target is None:
        return None
    copy = posted_to(target) if _is_address(target) else _appended_to(RootFile(Path(target)))
    threads = PatientThreads(timeout_seconds=WEB_SECONDS + 1, hangs_for=_root_copy_hangs)
    return lambda root: threads.run(copy, root)


def _is_address(target: str) -> bool:
    """Whether roots go to a web address, else to a file. Raises InvalidSetting for another address."""
    if "://" not in target:
        return False
    with suppress(ValueError):
        parts = urlsplit(target)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.username is None and parts.port != 0:
            return True
    raise InvalidSetting("FRAUD_LOG_ROOTS", "must be a file, or http(s)://HOST…, without a user or password")


def _appended_to(file: RootFile) -> Callable[[SignedRoot], None]:
    return lambda root: file.append([root])


def _root_copy_hangs(seconds: float) -> InvalidEvidence:
    return InvalidEvidence(f"FRAUD_LOG_ROOTS did not take a root within {seconds:g} s")


def build_verification(settings: Settings, registry: ModelRegistry | None) -> Verification:
    """What compares the store that FRAUD_STORE names with the log, and the registry's aliases, if a registry is given."""
    changes = None if registry is None else registry.audit
    return Verification(SqlLogStore(require_database(settings)), build_recorder(settings), changes)


def build_log(settings: Settings) -> LogStore:
    """The log of the store that FRAUD_STORE names."""
    return SqlLogStore(require_database(settings))


def build_upkeep(settings: Settings, threads: PatientThreads | None = None) -> UpkeepService:
    """Maintains the store that FRAUD_STORE names; a server waits for it in `threads`. Raises as `require_database`."""
    database = require_database(settings)
    files = SqliteFiles(database) if isinstance(database, SqliteDatabase) else PostgresFiles(database)
    recorder, clock = build_recorder(settings), DatabaseClock(database)
    store, upkeep = stores_in(database, settings).decisions, SqlStoreUpkeep(database, files, recorder)
    return UpkeepService(
        store if threads is None else patient(store, threads),
        upkeep if threads is None else patient(upkeep, threads),
        recorder=recorder,
        idempotency_seconds=settings.idempotency_hours * 3600,
        wall_clock=clock if threads is None else partial(threads.run, clock),
    )


def build_journal(settings: Settings) -> DecisionJournal:
    """The journal for decisions while the store is unavailable, whether the settings use it or not."""
    return FileJournal(settings.journal)


def build_holding(settings: Settings) -> DecisionJournal | None:
    """The journal of large requests on their way into SQLite: beside the database, on its disk, and of no other one.

    None for a database elsewhere: a server's own disk is no place for what is on its way there.
    """
    if not settings.store.startswith(SQLITE):
        return None
    database = Path(settings.store.removeprefix(SQLITE))
    return FileJournal(database.with_name(f"{database.name}-large"))


def build_journals(settings: Settings) -> list[DecisionJournal]:
    """All journals that may hold decisions of the store."""
    return [each for each in (build_journal(settings), build_holding(settings)) if each is not None]


def build_writer(store: DecisionStore, settings: Settings, tallies: Tallies) -> DecisionWriter:
    """What stores decisions for a worker: the process at FRAUD_KEEPER, or this process if the setting names none."""
    writer: DecisionWriter
    if settings.keeper is not None:
        patience = settings.store_timeout_seconds + WRITER_SECONDS
        writer = WriterClient(settings.keeper, limit=settings.store_queue, patience_seconds=patience)
    else:
        writer = LocalWriter(_group_commit(store, settings, tallies))
    store_metrics.measure_writer(tallies, writer, settings.store_queue)
    return writer


def build_writer_server(settings: Settings, tallies: Tallies) -> WriterServer:
    """The server at FRAUD_KEEPER. Raises as `build_store`."""
    store = build_store(settings)
    assert store is not None, "without a store there is no writer"
    assert settings.keeper is not None
    commit = _group_commit(store, settings, tallies)
    store_metrics.measure_queue(tallies, lambda: commit.waiting, settings.store_queue)
    return WriterServer(settings.keeper, commit)


def _group_commit(store: DecisionStore, settings: Settings, tallies: Tallies) -> GroupCommit:
    journal, holding = build_journal(settings), build_holding(settings)
    # also where nothing drains the journal: an earlier outage may have left decisions there
    store_metrics.measure_journals(tallies, build_journals(settings))
    outage_journal = journal if settings.store_outage == "journal" else None
    return GroupCommit(
        store,
        limit=settings.store_queue,
        timeout_seconds=settings.store_timeout_seconds,
        journal=outage_journal,
        holding=holding,
        metrics=store_metrics.StoreMetrics(tallies),
    )
