"""Builds what answers what entities did before, from the settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fraud_detection_api.adapters.sockets.history import HistoryClient, HistoryServer
from fraud_detection_api.adapters.sql.arrivals import SqlArrivalStore
from fraud_detection_api.adapters.sql.database import Database
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import SQLITE, require_database
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.entities.asking import Entities, EntityHistory
from fraud_detection_api.services.entities.copies import read_copy, write_copy
from fraud_detection_api.services.entities.local import LocalHistory
from fraud_detection_api.services.entities.profile import EntityProfiles, ProfileStores
from fraud_detection_api.services.history.arrivals import ArrivalStore
from fraud_detection_api.services.storage.patience import PatientThreads, patient
from fraud_detection_api.settings import Settings

if TYPE_CHECKING:
    from fraud_detection_api.services.entities.live import LiveHistory


@dataclass(frozen=True)
class StoredHistories:
    """Histories of the entities in the store that FRAUD_STORE names, with copies in `folder`, if there is one."""

    settings: Settings
    folder: Path | None = None

    def opened(self, contract: Contract) -> Entities:
        """Raises StoreUnavailable, and as `require_database`."""
        arrivals = build_arrivals(self.settings)
        arrivals.begin()
        history, file = _folded(contract, arrivals), self._file(contract)
        if file is not None and (copy := read_copy(file, self._key)) is not None:
            history.restore(copy)
        return history

    def save(self, entities: Entities) -> None:
        """Raises OSError."""
        history = cast("LiveHistory", entities)
        if (file := self._file(history.contract)) is not None:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_copy(history.copy(), file, self._key)

    def forget(self, contract: Contract) -> None:
        """Raises OSError."""
        if (file := self._file(contract)) is not None:
            file.unlink(missing_ok=True)

    def _file(self, contract: Contract) -> Path | None:
        digest = contract.content_digest.partition(":")[2]
        return None if self.folder is None else self.folder / f"{digest[:16]}.history"

    @property
    def _key(self) -> bytes:
        return build_recorder(self.settings).seal_key


def build_arrivals(settings: Settings) -> ArrivalStore:
    """Reads what arrived in the store that FRAUD_STORE names. Raises as `require_database`."""
    return SqlArrivalStore(require_database(settings, synchronous="NORMAL"))


def arrivals_in(database: Database, threads: PatientThreads) -> ArrivalStore:
    """Reads what arrived in that database, for one caller, whom a store that hangs does not hold up."""
    return patient(SqlArrivalStore(database), threads)


def _folded(contract: Contract, arrivals: ArrivalStore) -> "LiveHistory":
    # compiled loops: a server without history loads none of them
    from fraud_detection_api.services.entities.live import LiveHistory  # noqa: PLC0415

    return LiveHistory(contract, arrivals)


def build_profiles(settings: Settings, stores: ProfileStores | None) -> EntityProfiles:
    """What shows people what an entity did, from these stores."""
    return EntityProfiles(stores, build_recorder(settings), _folded)


def build_history(settings: Settings) -> EntityHistory:
    """What a worker asks: the process at FRAUD_HISTORY, or this process if the setting names none."""
    recorder = build_recorder(settings)
    if settings.history is not None:
        return HistoryClient(settings.history, recorder)
    return LocalHistory(StoredHistories(settings).opened, recorder)


def build_history_server(settings: Settings, tallies: Tallies) -> HistoryServer:
    """The server at FRAUD_HISTORY."""
    assert settings.history is not None
    return HistoryServer(settings.history, StoredHistories(settings, _folder_of_copies(settings)), tallies)


def _folder_of_copies(settings: Settings) -> Path | None:
    """Where copies go: beside a SQLite file by default, and for a database elsewhere only where a folder is named."""
    if settings.history_folder is not None or not settings.store.startswith(SQLITE):
        return settings.history_folder
    database = Path(settings.store.removeprefix(SQLITE))
    return database.with_name(f"{database.name}-history")
