"""Which contract a store belongs to: that of the first model that was served with it."""

from contextlib import suppress

from fraud_detection_api.errors import ContractMismatch, StoreUnavailable
from fraud_detection_api.services.storage.decision_store import DecisionStore


def store_mismatch(where: str, held: str, contract: str) -> ContractMismatch:
    """The error where a store holds decisions of another contract."""
    return ContractMismatch(
        f"the decision store {where} holds decisions of the contract {held!r}, and the model follows {contract!r}; name "
        "another store (--store, FRAUD_STORE), or the registry whose models made those decisions (--registry)"
    )


class StoreContract:
    """Keeps a store to one contract, that of the first model that was served with it. `where` names the store.

    A store that is away is asked again the next time. Without a store, every contract is fine.
    """

    def __init__(self, store: DecisionStore | None, where: str) -> None:
        self._store, self._where = store, where
        self._held: str | None = None

    def claim(self, contract: str) -> None:
        """Take the store for the contract. Raises ContractMismatch where it has another one."""
        if self._store is not None and self._held is None:
            with suppress(StoreUnavailable):
                self._store.migrate()
                self._held = self._store.claim(contract)
        self._require(contract)

    def require(self, contract: str) -> None:
        """Raise ContractMismatch where the store is another contract's."""
        if self._store is not None and self._held is None:
            with suppress(StoreUnavailable):
                self._held = self._store.contract()
        self._require(contract)

    def _require(self, contract: str) -> None:
        if self._held not in (None, contract):
            assert self._held is not None
            raise store_mismatch(self._where, self._held, contract)
