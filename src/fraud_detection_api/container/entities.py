"""Builds what answers what entities did before, from the settings."""

from fraud_detection_api.adapters.sockets.history import HistoryClient, HistoryServer
from fraud_detection_api.adapters.sql.arrivals import SqlArrivalStore
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import require_database
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.entities.asking import Entities, EntityHistory
from fraud_detection_api.services.entities.local import LocalHistory
from fraud_detection_api.services.history.arrivals import ArrivalStore
from fraud_detection_api.settings import Settings


def build_entities(settings: Settings, contract: Contract) -> Entities:
    """The history of a contract's entities, from the store that FRAUD_STORE names. Raises as `require_database`."""
    # compiled loops: a server without history loads none of it
    from fraud_detection_api.services.entities.live import LiveHistory  # noqa: PLC0415

    return LiveHistory(contract, build_arrivals(settings))


def build_arrivals(settings: Settings) -> ArrivalStore:
    """Reads what arrived in the store that FRAUD_STORE names. Raises as `require_database`."""
    return SqlArrivalStore(require_database(settings, synchronous="NORMAL"))


def build_history(settings: Settings) -> EntityHistory:
    """What a worker asks: the process at FRAUD_HISTORY, or this process if the setting names none."""
    recorder = build_recorder(settings)
    if settings.history is not None:
        return HistoryClient(settings.history, recorder)
    return LocalHistory(lambda contract: build_entities(settings, contract), recorder)


def build_history_server(settings: Settings, tallies: Tallies) -> HistoryServer:
    """The server at FRAUD_HISTORY."""
    assert settings.history is not None
    return HistoryServer(settings.history, lambda contract: build_entities(settings, contract))
