"""Builds what signs people in, from the settings."""

from dataclasses import dataclass

from fraud_detection_api.adapters.sql.accounts import SqlAccountStore
from fraud_detection_api.adapters.sql.database import Database
from fraud_detection_api.container.storage import require_database, stores_in
from fraud_detection_api.services.accounts.sessions import Sessions
from fraud_detection_api.services.accounts.signing_in import LocalAccounts, SignIn
from fraud_detection_api.services.storage.patience import PatientThreads, patient
from fraud_detection_api.settings import Settings


@dataclass(frozen=True)
class People:
    """How people come in, and their sessions."""

    sign_in: SignIn
    sessions: Sessions


def people_in(database: Database, threads: PatientThreads) -> People:
    """For a server, which waits for the database in `threads`."""
    store = patient(SqlAccountStore(database), threads)
    return People(LocalAccounts(store), Sessions(store))


def build_accounts(settings: Settings) -> LocalAccounts:
    """For a command: the accounts of the store, which is created where there is none.

    Raises NoStore, InvalidSetting, StoreUnavailable.
    """
    database = require_database(settings)
    stores_in(database, settings).decisions.migrate()
    return LocalAccounts(SqlAccountStore(database))
