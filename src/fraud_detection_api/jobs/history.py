"""What entities did before: events that seed a store, and what is known of one entity."""

from pathlib import Path

from fraud_detection_api.container.entities import build_arrivals, build_profiles
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import event_store_in, open_stores, require_database, store_name, stores_in
from fraud_detection_api.jobs.labels import stored_contract
from fraud_detection_api.jobs.listener import Listener, UnusableOption
from fraud_detection_api.services.entities.profile import Profile, ProfileStores
from fraud_detection_api.services.history.events import EventService
from fraud_detection_api.services.history.files import EventLoader, Loaded
from fraud_detection_api.services.storage.contracts import StoreContract
from fraud_detection_api.settings import Settings


def load_events(
    settings: Settings, file: Path, *, id_column: str | None, separator: str | None, listener: Listener
) -> Loaded:
    """Record a file of events in the store, which is created where there is none.

    Raises NoStore, NoHistory, InvalidDataset, ContractMismatch, StoreUnavailable, and as `stored_contract`.
    """
    contract = stored_contract(settings)
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


def entity_profile(
    settings: Settings, entity: str, *, column: str | None, at: int | None, limit: int, listener: Listener
) -> Profile:
    """What the entity did that has this id, or this value of a column that history features go by.

    Raises UnusableOption, NoStore, NoHistory, ContractMismatch, StoreUnavailable, and as `stored_contract`.
    """
    contract = stored_contract(settings)
    own = None if contract.identifier is None else contract.identifier.name
    column = own if column is None else column
    grouped = {feature.by[0] for feature in contract.history.values() if len(feature.by) == 1}
    if contract.history and column not in grouped:
        raise UnusableOption("--key", f"history features go by {', '.join(sorted(grouped))}")
    with (
        open_stores(settings, contract=contract.name) as stores,
        listener.step(f"Reading what {column} did") as progress,
    ):
        events = event_store_in(require_database(settings))
        profiles = build_profiles(settings, ProfileStores(stores.decisions, stores.labels, events))
        if column == own:
            return profiles.of_id(contract, entity, at=at, limit=limit)
        assert column is not None
        is_number = (column in contract.keys and contract.keys[column].dtype == "int") or (
            column in contract.features and contract.features[column].dtype == "int"
        )
        try:
            value = int(entity) if is_number else entity
        except ValueError:
            raise UnusableOption("ENTITY", f"must be a whole number, as {column} is") from None
        log = build_arrivals(settings)
        return profiles.of_key(contract, column, value, log, at=at, limit=limit, on_progress=progress)
