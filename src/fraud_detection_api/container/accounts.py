"""Builds what signs people in, from the settings."""

from dataclasses import dataclass

from fraud_detection_api.adapters.oidc import OidcClient, OidcProvider, is_safe
from fraud_detection_api.adapters.sql.accounts import SqlAccountStore
from fraud_detection_api.adapters.sql.database import Database
from fraud_detection_api.container.secrets import client_secret
from fraud_detection_api.container.storage import require_database, stores_in
from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.services.accounts.account_store import AccountStore
from fraud_detection_api.services.accounts.provider import ClaimRules, ProviderAccounts, words_of
from fraud_detection_api.services.accounts.sessions import Sessions
from fraud_detection_api.services.accounts.signing_in import LocalAccounts
from fraud_detection_api.services.accounts.trail import Trail
from fraud_detection_api.services.storage.patience import PatientThreads, patient
from fraud_detection_api.settings import Settings

RETURN = "sign-in/return"
"""Where the provider leads browsers, below the console's address."""


@dataclass(frozen=True)
class People:
    """How people come in, by a `provider` of identities or with passwords, their sessions, and the trail of what they do."""

    accounts: LocalAccounts
    sessions: Sessions
    trail: Trail
    provider: ProviderAccounts | None = None

    def must_sign_in(self) -> bool:
        """Whether anybody can. Raises StoreUnavailable."""
        return self.provider is not None or self.accounts.has_accounts()


def people_in(database: Database, threads: PatientThreads, settings: Settings) -> People:
    """For a server, which waits for the database in `threads`. Raises InvalidSetting, MissingExtra."""
    store = patient(SqlAccountStore(database), threads)
    return People(LocalAccounts(store), Sessions(store), Trail(store), _provider(settings, store))


def build_accounts(settings: Settings) -> LocalAccounts:
    """For a command: the accounts of the store, which is created where there is none.

    Raises NoStore, InvalidSetting, StoreUnavailable.
    """
    database = require_database(settings)
    stores_in(database, settings).decisions.migrate()
    return LocalAccounts(SqlAccountStore(database))


def _provider(settings: Settings, store: AccountStore) -> ProviderAccounts | None:
    issuer, console = settings.oidc_issuer, settings.console_url
    if issuer is None:
        return None
    if not settings.oidc_client_id or console is None:
        unset = "FRAUD_CONSOLE_URL" if console is None else "FRAUD_OIDC_CLIENT_ID"
        raise InvalidSetting(unset, "needed with FRAUD_OIDC_ISSUER (docs/how-to/console.md)")
    for name, address in (("FRAUD_OIDC_ISSUER", issuer), ("FRAUD_CONSOLE_URL", console)):
        if not is_safe(address):
            raise InvalidSetting(name, "must be like https://HOST/PATH; http is for this machine alone")
    try:
        words = words_of(settings.oidc_roles)
    except ValueError as error:
        raise InvalidSetting("FRAUD_OIDC_ROLES", str(error)) from None
    client = OidcClient(issuer, settings.oidc_client_id, client_secret(settings), f"{console.rstrip('/')}/{RETURN}")
    rules = ClaimRules(settings.oidc_name_claim, settings.oidc_roles_claim, words)
    return ProviderAccounts(OidcProvider(client), store, rules)
