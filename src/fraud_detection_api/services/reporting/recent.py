"""A policy on the newest stored decisions: a backtest that is small enough for somebody to wait for."""

from dataclasses import dataclass

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import NoStore
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.models.contracts import RecordContracts
from fraud_detection_api.services.reporting.backtest import ROWS_AT_A_TIME, Backtest, Sources, tested
from fraud_detection_api.services.storage.decision_store import DecisionFilter

MOST_DECISIONS = 20_000


@dataclass(frozen=True)
class RecentBacktests:
    """Tests policies on the `most` newest decisions. Without a store, `sources` is None."""

    sources: Sources | None
    most: int = MOST_DECISIONS

    def test(self, policy: Policy, contract: Contract) -> Backtest:
        """What the policy would have decided. Raises NoStore, StoreUnavailable, RegistryUnavailable."""
        if self.sources is None:
            raise NoStore
        contracts = RecordContracts(contract, self.sources.registry)
        found, before = Backtest(policy, contract.amount_at_risk), None
        for first in range(0, self.most, ROWS_AT_A_TIME):
            limit = min(ROWS_AT_A_TIME, self.most - first)
            rows = self.sources.store.page(DecisionFilter(), limit=limit, before=before)
            if not rows:
                break
            before = rows[-1].decision_id
            found.merge(tested(self.sources, policy, contract, contracts, rows[::-1]))
        return found
