"""What entities did before: events that seed a store, and what is known of one entity."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fraud_detection_api.container.entities import build_arrivals, build_profiles
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import event_store_in, open_stores, require_database, store_name, stores_in
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import NoHistory
from fraud_detection_api.jobs.labels import stored_contract
from fraud_detection_api.jobs.listener import Listener, UnusableOption
from fraud_detection_api.services.entities.profile import NoEntity, Profile, ProfileStores
from fraud_detection_api.services.history.events import EventService
from fraud_detection_api.services.history.files import EventLoader, Loaded
from fraud_detection_api.services.storage.contracts import StoreContract
from fraud_detection_api.settings import Settings

if TYPE_CHECKING:
    from fraud_detection_api.services.entities.beside import Written


def _contract(settings: Settings) -> Contract:
    """The contract, which has history features. Raises NoHistory, and as `stored_contract`."""
    contract = stored_contract(settings)
    if not contract.history:
        is_given = settings.contract is not None
        raise NoHistory(contract.name, remedy="" if is_given else "; name a contract that does, by --contract")
    return contract


def load_events(
    settings: Settings, file: Path, *, id_column: str | None, separator: str | None, listener: Listener
) -> Loaded:
    """Record a file of events in the store, which is created where there is none.

    Raises NoStore, NoHistory, InvalidDataset, ContractMismatch, StoreUnavailable, and as `stored_contract`.
    """
    contract = _contract(settings)
    database = require_database(settings)
    stores, service = stores_in(database, settings), EventService(event_store_in(database), build_recorder(settings))
    service.require(contract)
    try:
        stores.decisions.migrate()
        StoreContract(stores.decisions, store_name(settings)).claim(contract.name)
        with listener.step(f"Loading {file.name}") as progress:
            return EventLoader(service, contract, id_column, progress, separator).load_file(file)
    finally:
        stores.decisions.close()


def write_features(
    settings: Settings, file: Path, target: Path, *, separator: str | None, listener: Listener
) -> "Written":
    """Write a file's rows with their history features. Raises NoHistory, InvalidDataset, and as `stored_contract`."""
    # compiled loops: the other commands load none of them
    from fraud_detection_api.services.entities.beside import HistoryWriter

    contract = _contract(settings)
    with listener.step(f"Folding {file.name}") as progress:
        return HistoryWriter(contract, progress, separator).write(file, target)


def entity_profile(
    settings: Settings, entity: str, *, columns: Sequence[str], at: int | None, limit: int, listener: Listener
) -> Profile:
    """What the entity did that has this id, or these values of columns that history features go by.

    Raises UnusableOption, NoStore, NoHistory, ContractMismatch, StoreUnavailable, and as `stored_contract`.
    """
    contract = _contract(settings)
    with (
        open_stores(settings, contract=contract.name) as stores,
        listener.step(f"Reading what {entity} did") as progress,
    ):
        events = event_store_in(require_database(settings))
        own = ProfileStores(stores.decisions, stores.labels, events, partial(build_arrivals, settings))
        profiles = build_profiles(settings, own)
        try:
            return profiles.of(contract, entity, columns, at=at, limit=limit, on_progress=progress)
        except NoEntity as error:
            raise UnusableOption("--key" if error.are_columns else "ENTITY", error.detail) from None
