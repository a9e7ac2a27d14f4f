"""An observer of a store in memory, with real models, and what it should have counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from fraud_detection_api.decision.log import LogKey
from fraud_detection_api.decision.stored import StoredDecision, StoredRequest
from fraud_detection_api.metrics.catalogue import Metric
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.monitoring.counts import Counts
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.auditing.sequencing import Sequencer
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.models.stored_models import StoredModels
from fraud_detection_api.services.observing.observer import ObservedModels, Observer
from fraud_detection_api.services.observing.shadow import ObserverMetrics, Shadowing
from fraud_detection_api.training.policies import change_policy
from support.builders import NOW, credit_files, record
from support.decided import BEGINNING, decided
from support.fakes import InMemoryDecisionStore, InMemoryLogStore, InMemoryObservationStore, InMemoryRegistry

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@cache
def strict_files():
    """The credit model with a policy that reviews and declines much more."""
    terms = Policy(amount_at_risk=1e6, loss_given_fraud=1.0, review_cost=1.0, wrong_decline_cost=2.0)
    return change_policy(credit_files(), terms, source="version 1", file="strict", now=NOW).sealed.files


@cache
def credit_model() -> ServedModel:
    """Version 1 of the registries here."""
    return ServedModel("1", read_bundle(credit_files(), source="version 1"))


@cache
def strict_model() -> ServedModel:
    """Version 2 of the registries here."""
    return ServedModel("2", read_bundle(strict_files(), source="version 2"))


def made(count: int, *, at: int = BEGINNING, model: ServedModel | None = None, **more) -> list[StoredDecision]:
    """Decisions of one request on records that differ, in the order of their ids."""
    records = [
        record(customer_id=n, total_balance=n * 997 % 250_000, total_credit_limit=1 + n % 70) for n in range(count)
    ]
    rows = decided(model or credit_model(), records, at=at, **more)
    return sorted(rows, key=lambda row: row.decision_id)


@dataclass
class Observed:
    """A store, what was observed of it, and a clock, in milliseconds since 1970, that stands still."""

    store: InMemoryDecisionStore = field(default_factory=InMemoryDecisionStore)
    registry: InMemoryRegistry = field(default_factory=InMemoryRegistry)
    tallies: Tallies = field(default_factory=Tallies)
    now: int = BEGINNING + MINUTE

    def __post_init__(self) -> None:
        self.observations = InMemoryObservationStore(self.store)
        self.log = InMemoryLogStore(self.store)
        for files in (credit_files(), strict_files()):
            self.registry.register(files)
        self.registry.assign("champion", "1")
        self.challenger = AliasFollower(self.registry, "challenger", lambda model: model, on_refusal="drop")

    def keep(self, rows: Sequence[StoredDecision]) -> list[StoredDecision]:
        self.store.save([StoredRequest(rows)])
        return list(rows)

    def observer(self, *, backlog: int = 1_000_000) -> Observer:
        """Another one, as after a restart, ready."""
        metrics = ObserverMetrics(self.tallies)
        clock = lambda: self.now / 1000  # noqa: E731
        shadowing = Shadowing(self.challenger, metrics, wall_clock=clock)
        models = ObservedModels(StoredModels(self.registry))
        observer = Observer(
            self.store,
            Sequencer(self.log, LogKey(), changes=list, clock=clock, wall_clock=clock),
            self.observations,
            models,
            shadowing,
            metrics,
            backlog=backlog,
            clock=clock,
            wall_clock=clock,
        )
        self.challenger.refresh()
        observer.begin()
        return observer

    def observe(self, observer: Observer | None = None) -> None:
        """All that is there."""
        observer = observer or self.observer()
        while observer.observe():
            pass

    def counts(self, seconds: int = 300) -> dict[tuple[int, str], Counts]:
        """Of each slot of that length, by start and model."""
        slots = self.observations.slots(since=0, seconds=seconds)
        return {(slot.start, slot.model_digest): Counts.from_json(slot.counts) for slot in slots}

    def rows_counted(self, seconds: int = 300) -> int:
        """Over all slots of that length; each must be consistent in itself."""
        counts = self.counts(seconds).values()
        for counted in counts:
            assert sum(counted.outcomes.values()) == counted.rows
            for numbers in (counted.probability, *counted.features.values()):
                assert numbers.below + sum(numbers.counts) + numbers.above + numbers.missing == counted.rows
        return sum(counted.rows for counted in counts)

    def shadows(self, digest: str | None = None):
        """Pairs of decision and shadow, by the strict model where nothing else is said."""
        from fraud_detection_api.services.storage.decision_store import DecisionFilter

        return self.observations.compared(digest or strict_model().bundle.digest, DecisionFilter(), limit=1_000_000)

    def counter(self, metric: Metric, *labels: str) -> float:
        return self.tallies.counter(metric, *labels).value


def outcomes_of(rows) -> Counter:
    """How many of each outcome."""
    return Counter(row.outcome for row in rows)
