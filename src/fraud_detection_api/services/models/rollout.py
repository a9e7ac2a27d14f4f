"""Changes of champion and challenger: people request them, the gate judges promotions, and each is recorded."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fraud_detection_api import errors
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.services.models import aliases
from fraud_detection_api.services.models.deployment import ServedModel, require_contract
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.telemetry import log_event


class Verdict(Protocol):
    """A gate's verdict: `reasons`, a sentence each, say why a challenger failed, `evidence` what was found."""

    @property
    def passed(self) -> bool: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def evidence(self) -> Sequence[str]: ...


class Gate(Protocol):
    """Judges whether a challenger may replace the champion, by how both scored the same traffic."""

    def verdict(self, champion: ServedModel, challenger: ServedModel) -> Verdict:
        """Raises NoStore where no decisions are stored to compare, StoreUnavailable where they cannot be read."""


class Form(NamedTuple):
    """How a caller forces a promotion, and how it allows another contract."""

    force: str
    allow_contract_change: str


COMMAND = Form('--force "why"', "--allow-contract-change")
REQUEST = Form('"force": true and a "reason"', '"allow_contract_change": true')


@dataclass(frozen=True, slots=True)
class Order:
    """Who asks for a change, and why. With `force`, a promotion bypasses the gate, and `reason` says why."""

    by: str = ""
    reason: str = ""
    force: bool = False
    form: Form = COMMAND

    def cause(
        self,
        action: aliases.Action,
        *,
        gate: aliases.GateState = "exempt",
        gate_reasons: Sequence[str] = (),
        digest: str = "",
    ) -> aliases.Cause:
        """The change's cause, as it is recorded."""
        return aliases.Cause(action, self.by, self.reason, self.force, gate, tuple(gate_reasons), digest)


class Judged(NamedTuple):
    """The gate's verdict on a version, with the reasons against it and then what was found."""

    version: str
    gate: aliases.GateState
    reasons: tuple[str, ...]


class RolloutService:
    """Promotes and rolls back champions, starts and ends challenges.

    A champion must follow the contract of `required_fingerprint`, if one is given, and `require_store` raises
    ContractMismatch where a store holds decisions of a contract of another name. Without a `gate`, every promotion passes.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        *,
        gate: Gate | None = None,
        required_fingerprint: str | None = None,
        require_store: Callable[[str], None] = lambda _contract: None,
    ) -> None:
        self._registry, self._gate = registry, gate
        self._models = ModelService(registry)
        self._required_fingerprint, self._require_store = required_fingerprint, require_store

    def require_promotable(
        self, order: Order, contract: Contract | None = None, *, allow_contract_change: bool = False
    ) -> None:
        """Raise GateRefused or ContractMismatch where a new model could not be promoted. Ask before hours of training.

        Without a contract, the model follows the champion's.
        """
        incumbent = self._incumbent()
        if incumbent is None:
            return
        if contract is not None and not allow_contract_change:
            _require_same_records(contract, incumbent, order, which="a new model")
        if self._gate is None or order.force:
            return
        raise errors.GateRefused(
            "the gate compares a model with the champion, and a new model has not been compared yet",
            remedy=f"Leave --promote out and run `fraud models challenge VERSION`, or add {order.form.force}",
        )

    def promote(
        self,
        version: str,
        order: Order = Order(),
        *,
        allow_contract_change: bool = False,
        instead_of: str | None = aliases.ANYWHERE,
    ) -> str:
        """Verify a version, or the version that an alias stands for, and make it champion; returns it.

        `instead_of` is the champion that the caller saw: another one means that the champion changed in the meantime.

        Raises UnknownModel, NoChampion, CorruptBundle, GateRefused, StoreUnavailable where the gate cannot judge,
        ContractMismatch where callers would have to send other records and that is not allowed, and AliasMoved where the
        champion changed in the meantime.
        """
        candidate = self._models.load(version)
        version, digest = candidate.version, candidate.bundle.digest
        self._require_servable(candidate)
        if self._assigned(aliases.CHAMPION) == version:
            return version
        if instead_of not in (aliases.ANYWHERE, self._assigned(aliases.CHAMPION)):
            raise errors.AliasMoved(aliases.CHAMPION)
        incumbent = self._incumbent()
        if incumbent is not None and not allow_contract_change:
            _require_same_records(candidate.bundle.contract, incumbent, order, which=f"version {version}")
        gate, reasons = self._judged(candidate, incumbent, order)
        cause = order.cause("promote", gate=gate, gate_reasons=reasons, digest=digest)
        expected = instead_of if incumbent is None else incumbent.version
        if instead_of not in (aliases.ANYWHERE, expected):
            raise errors.AliasMoved(aliases.CHAMPION)
        self._registry.assign(aliases.CHAMPION, version, cause, expected=expected)
        log_event("promoted", version=version, digest=digest, forced=order.force, gate=gate)
        self._challenge_is_over(version, order)
        return version

    def judged(self, version: str) -> Judged:
        """What a promotion of the version would find now. Nothing is changed. Raises as `promote`, but for GateRefused."""
        candidate, incumbent = self._models.load(version), self._incumbent()
        gate, reasons = self._judged(candidate, incumbent, Order(force=True))
        return Judged(candidate.version, gate, reasons)

    def rollback(self, order: Order = Order(), *, to: str = aliases.ANYWHERE) -> str:
        """Verify the previous champion and make it champion again; returns it. The gate does not judge it.

        `to` is the version that the caller expects back.

        Raises NoChampion where there is none, AliasMoved where somebody else was quicker, so that two rollbacks at once do
        not go back two steps, and CorruptBundle and ContractMismatch as `promote` does.
        """
        previous = self._models.load(self.previous())
        if to not in (aliases.ANYWHERE, previous.version):
            raise errors.AliasMoved(aliases.CHAMPION)
        self._require_servable(previous)
        reasons = ("it was champion before",)
        cause = order.cause("rollback", gate="exempt", gate_reasons=reasons, digest=previous.bundle.digest)
        restored = self._registry.restore_previous(aliases.CHAMPION, cause, expected=previous.version)
        log_event("rolled_back", version=restored)
        self._challenge_is_over(restored, order)
        return restored

    def previous(self) -> str:
        """The version that a rollback would make champion. Raises NoChampion."""
        return self._registry.previous(aliases.CHAMPION)

    def challenge(self, version: str, order: Order = Order()) -> str:
        """Let a version score in the champion's shadow; returns it. It replaces any other challenger.

        Raises UnknownModel, CorruptBundle, NoChampion, ContractMismatch where it follows another contract than the champion
        or has other history features, and InvalidChallenger where it is the champion.
        """
        candidate, champion = self._models.load(version), self._models.load(aliases.CHAMPION)
        if candidate.bundle.digest == champion.bundle.digest:
            what = "" if candidate.version == champion.version else " same model as the"
            raise errors.InvalidChallenger(f"version {candidate.version} is the{what} champion; choose another version")
        _require_same_records(candidate.bundle.contract, champion, order, which=f"version {candidate.version}")
        _require_same_history(candidate.bundle.contract, champion, order, which=f"version {candidate.version}")
        cause = order.cause("challenge", digest=candidate.bundle.digest)
        self._registry.assign(aliases.CHALLENGER, candidate.version, cause)
        log_event("challenge_began", version=candidate.version, digest=candidate.bundle.digest)
        return candidate.version

    def end_challenge(self, order: Order = Order(), *, version: str | None = None) -> str:
        """End the challenge, of `version` if given. Raises NoChallenger, UnknownModel if it is another."""
        challenger = self._models.resolve(aliases.CHALLENGER)
        if version is not None and self._models.resolve(version) != challenger:
            raise errors.UnknownModel(version)
        self._registry.withdraw(aliases.CHALLENGER, order.cause("stop"))
        log_event("challenge_ended", version=challenger)
        return challenger

    def history(self) -> list[aliases.AliasChange]:
        """Every change of champion and challenger, newest first."""
        return self._registry.audit()[::-1]

    def _judged(
        self, candidate: ServedModel, incumbent: ServedModel | None, order: Order
    ) -> tuple[aliases.GateState, tuple[str, ...]]:
        """The gate's verdict, with what is recorded of it: the reasons against the candidate, then the evidence."""
        if incumbent is None:
            return "exempt", ("there was no intact champion to compare with",)
        if incumbent.bundle.digest == candidate.bundle.digest:
            return "exempt", (f"version {incumbent.version}, the champion, is the same bundle",)
        if incumbent.bundle.decision_digest == candidate.bundle.decision_digest:
            return "exempt", (f"it decides as version {incumbent.version}, the champion, does, in other words",)
        if self._gate is None:
            return "off", ()
        evidence: tuple[str, ...] = ()
        try:
            verdict = self._gate.verdict(incumbent, candidate)
            passed, reasons, evidence = verdict.passed, tuple(verdict.reasons), tuple(verdict.evidence)
        except errors.NoStore as error:
            passed, reasons = False, (f"nothing can be compared: {error}",)
        except errors.StoreUnavailable as error:
            if not order.force:
                raise errors.StoreUnavailable(
                    f"the gate cannot judge: {error}; to promote without the gate, add {order.form.force}"
                ) from error
            passed, reasons = False, (f"it could not judge: {error}",)
        if not passed and not order.force:
            remedy = f"Let it challenge until it passes, or add {order.form.force}"
            raise errors.GateRefused(f"version {candidate.version} did not pass the gate", reasons, remedy=remedy)
        return "passed" if passed else "failed", (*reasons, *evidence)

    def _require_servable(self, model: ServedModel) -> None:
        require_contract(model, self._required_fingerprint)
        self._require_store(model.bundle.contract.name)

    def _incumbent(self) -> ServedModel | None:
        """The champion; None where there is none, or a damaged one, which must not block the promotion of a sound model."""
        with suppress(errors.CorruptBundle, errors.NoChampion, errors.UnknownModel):
            return self._models.load(aliases.CHAMPION)
        return None

    def _assigned(self, alias: aliases.Alias) -> str | None:
        with suppress(errors.CorruptBundle):
            return self._registry.assigned(alias)
        return None

    def _challenge_is_over(self, champion: str, order: Order) -> None:
        """A model does not challenge itself. If a kill prevents this, its shadow is scored for nothing."""
        if self._assigned(aliases.CHALLENGER) == champion:
            self._registry.withdraw(aliases.CHALLENGER, order.cause("stop", gate_reasons=("it became champion",)))


def _require_same_records(contract: Contract, champion: ServedModel, order: Order, *, which: str) -> None:
    if contract.record_fingerprint != champion.bundle.contract.record_fingerprint:
        fix = f"once they are ready, promote it with {order.form.allow_contract_change}"
        raise errors.ContractMismatch(f"{which} follows another contract than the champion: callers must change; {fix}")


def _require_same_history(contract: Contract, champion: ServedModel, order: Order, *, which: str) -> None:
    """A challenger reads the history features that are stored with the champion's decisions; it may read fewer."""
    others = [name for name in contract.history if not contract.shares_history(name, champion.bundle.contract)]
    if others:
        fix = f"compare both on a file with `fraud evaluate`, and promote it with {order.form.force}"
        raise errors.ContractMismatch(
            f"{which} has history features that the champion has not: {', '.join(others)}; {fix}"
        )
