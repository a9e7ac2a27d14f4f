"""Which version is champion and which one challenges it: changed by people, past the gate, and written down for good."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from fraud_detection_api.errors import (
    AROUND,
    ContractMismatch,
    CorruptBundle,
    GateRefused,
    InvalidChallenger,
    NoChampion,
    NoStore,
    StoreUnavailable,
    UnknownModel,
)
from fraud_detection_api.services.models.aliases import ANYWHERE, Action, Alias, AliasChange, Cause, GateState
from fraud_detection_api.services.models.champion import ServedModel, require_contract
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.telemetry import log_event


class Verdict(Protocol):
    """What a gate says: `reasons`, each a sentence, say why a challenger did not pass, `evidence` what was found."""

    @property
    def passed(self) -> bool: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def evidence(self) -> Sequence[str]: ...


class Gate(Protocol):
    """Says whether a challenger may replace the champion, by what both made of the same traffic."""

    def verdict(self, champion: ServedModel, challenger: ServedModel) -> Verdict:
        """Raises NoStore where nothing is kept to compare, StoreUnavailable where it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """Who asks for a change of a model, and why; with `force` a promotion goes around the gate, and `reason` says why."""

    by: str = ""
    reason: str = ""
    force: bool = False

    def cause(
        self, action: Action, *, gate: GateState = "exempt", gate_reasons: Sequence[str] = (), digest: str = ""
    ) -> Cause:
        """The change's cause as it is kept."""
        return Cause(action, self.by, self.reason, self.force, gate, tuple(gate_reasons), digest)


class RolloutService:
    """Promotes and rolls back champions, starts and ends challenges.

    `required_fingerprint` is that of the records that a champion must take, if any. Without a `gate` none is asked.
    """

    def __init__(
        self, registry: ModelRegistry, *, gate: Gate | None = None, required_fingerprint: str | None = None
    ) -> None:
        self._registry, self._gate = registry, gate
        self._models = ModelService(registry)
        self._required_fingerprint = required_fingerprint

    def require_promotable(self, order: Order) -> None:
        """Raise GateRefused where a model that is yet to be made could not be promoted: before hours of training."""
        if self._gate is None or order.force or self._incumbent() is None:
            return
        reasons = ["a new model has not been compared with the champion; leave --promote out, and let it challenge"]
        raise GateRefused("a new model", reasons)

    def promote(self, version: str, order: Order = Order(), *, allow_contract_change: bool = False) -> str:
        """Make the version, or the one that an alias stands for, champion, after its bundle was verified; returns it.

        Raises UnknownModel, NoChampion, CorruptBundle, GateRefused, StoreUnavailable where the gate cannot be asked,
        ContractMismatch where callers of the champion would have to send other records and that was not allowed, and
        AliasMoved where the champion that it was compared with is champion no longer.
        """
        candidate = ServedModel(*self._models.bundle(version))
        version, bundle = candidate.version, candidate.bundle
        require_contract(bundle, self._required_fingerprint, version=version)
        if self._assigned("champion") == version:
            return version
        incumbent = self._incumbent()
        if incumbent is not None and not allow_contract_change:
            _require_same_records(candidate, incumbent)
        gate, reasons = self._judged(candidate, incumbent, order)
        cause = order.cause("promote", gate=gate, gate_reasons=reasons, digest=bundle.digest)
        expected = ANYWHERE if incumbent is None else incumbent.version
        self._registry.assign("champion", version, cause, expected=expected)
        log_event("promoted", version=version, digest=bundle.digest, forced=order.force, gate=gate)
        self._challenge_is_over(version, order)
        return version

    def rollback(self, order: Order = Order()) -> str:
        """Make the champion before this one champion again, after its bundle was verified; returns it. No gate is asked.

        Raises NoChampion where there is none, AliasMoved where somebody else was quicker, so that two who want the same do
        not go back two steps, and CorruptBundle and ContractMismatch as `promote` does.
        """
        previous = self._registry.previous("champion")
        bundle = self._models.bundle(previous)[1]
        require_contract(bundle, self._required_fingerprint, version=previous)
        reasons = ("it was champion before",)
        cause = order.cause("rollback", gate="exempt", gate_reasons=reasons, digest=bundle.digest)
        restored = self._registry.restore_previous("champion", cause, expected=previous)
        log_event("rolled_back", version=restored)
        self._challenge_is_over(restored, order)
        return restored

    def challenge(self, version: str, order: Order = Order()) -> str:
        """Let a version score what the champion scores, in its shadow; returns it. It takes the place of another challenger.

        Raises UnknownModel, CorruptBundle, NoChampion, ContractMismatch where it takes other records than the champion, and
        InvalidChallenger where it is the champion.
        """
        candidate = ServedModel(*self._models.bundle(version))
        champion = ServedModel(*self._models.bundle("champion"))
        if candidate.bundle.digest == champion.bundle.digest:
            raise InvalidChallenger(
                f"version {candidate.version} is what the champion is; let another one challenge it"
            )
        _require_same_records(candidate, champion)
        cause = order.cause("challenge", digest=candidate.bundle.digest)
        self._registry.assign("challenger", candidate.version, cause)
        log_event("challenge_began", version=candidate.version, digest=candidate.bundle.digest)
        return candidate.version

    def end_challenge(self, order: Order = Order(), *, version: str | None = None) -> str:
        """Let the challenger, or no other than `version`, challenge no longer; returns it. What was compared is kept.

        Raises NoChampion where there is none, UnknownModel where it is not that version.
        """
        challenger = self._models.resolve("challenger")
        if version is not None and self._models.resolve(version) != challenger:
            raise UnknownModel(version)
        self._registry.withdraw("challenger", order.cause("stop"))
        log_event("challenge_ended", version=challenger)
        return challenger

    def history(self) -> list[AliasChange]:
        """Every change of champion and challenger, newest first."""
        return self._registry.audit()[::-1]

    def _judged(
        self, candidate: ServedModel, incumbent: ServedModel | None, order: Order
    ) -> tuple[GateState, tuple[str, ...]]:
        """What the gate said, and what is kept of it: what speaks against the candidate, then what was found."""
        if incumbent is None:
            return "exempt", ("there was no sound champion to compare with",)
        if incumbent.bundle.digest == candidate.bundle.digest:
            return "exempt", (f"version {incumbent.version}, the champion, is the same bundle",)
        if self._gate is None:
            return "off", ()
        evidence: tuple[str, ...] = ()
        try:
            verdict = self._gate.verdict(incumbent, candidate)
            passed, reasons, evidence = verdict.passed, tuple(verdict.reasons), tuple(verdict.evidence)
        except NoStore as error:
            passed, reasons = False, (f"nothing can be compared: {error}",)
        except StoreUnavailable as error:
            if not order.force:
                raise StoreUnavailable(f"the gate cannot be asked: {error}; {AROUND}") from error
            passed, reasons = False, (f"it could not be asked: {error}",)
        if not passed and not order.force:
            raise GateRefused(f"version {candidate.version}", reasons)
        return "passed" if passed else "failed", (*reasons, *evidence)

    def _incumbent(self) -> ServedModel | None:
        """The champion; None where there is none that is sound: a damaged one must not stand in the way of a sound one."""
        with suppress(CorruptBundle, NoChampion, UnknownModel):
            return ServedModel(*self._models.bundle("champion"))
        return None

    def _assigned(self, alias: Alias) -> str | None:
        with suppress(CorruptBundle):
            return self._registry.assigned(alias)
        return None

    def _challenge_is_over(self, champion: str, order: Order) -> None:
        """A model does not challenge itself. Were this left undone by a kill, its shadow would be scored for nothing."""
        if self._assigned("challenger") == champion:
            self._registry.withdraw("challenger", order.cause("stop", gate_reasons=("it became champion",)))


def _require_same_records(candidate: ServedModel, champion: ServedModel) -> None:
    if candidate.bundle.contract.record_fingerprint != champion.bundle.contract.record_fingerprint:
        mend = "promote with --allow-contract-change (allow_contract_change) once they are ready"
        raise ContractMismatch(
            f"version {candidate.version} follows another contract than the champion: callers must change; {mend}"
        )
