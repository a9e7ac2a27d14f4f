"""Promotion, rollback and challenge: past the gate, of verified bundles alone, and written down."""

from collections.abc import Mapping

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.errors import (
    AliasMoved,
    ContractMismatch,
    CorruptBundle,
    GateRefused,
    InvalidChallenger,
    NoChallenger,
    NoChampion,
    NoStore,
    StoreUnavailable,
    UnknownModel,
)
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.rollout import REQUEST, Order, RolloutService
from support.builders import (
    credit_files,
    every_dtype_contract,
    every_dtype_files,
    other_credit_files,
    reworded_credit_files,
)
from support.fakes import InMemoryRegistry


def damaged(files=None) -> dict[str, bytes]:
    files = files or credit_files()
    return {**files, "booster.ubj": files["booster.ubj"][:-1]}


@pytest.fixture
def service(registry) -> RolloutService:
    """Version 1 is champion; no gate is asked."""
    return RolloutService(registry)


def contract_of(registry, version: str) -> str:
    return ModelService(registry).load(version).bundle.contract.record_fingerprint


def test_a_server_bound_to_a_contract_promotes_no_other(registry):
    required = contract_of(registry, "1")
    service = RolloutService(registry, required_fingerprint=required)
    other = registry.register(every_dtype_files())
    with pytest.raises(ContractMismatch, match="FRAUD_CONTRACT"):
        service.promote(other, allow_contract_change=True)
    assert registry.assigned("champion") == "1"
    assert service.promote(registry.register(credit_files())) == "3"


def test_a_server_bound_to_a_contract_rolls_back_to_no_other():
    registry = InMemoryRegistry()
    registry.assign("champion", registry.register(every_dtype_files()))
    registry.assign("champion", registry.register(credit_files()))
    service = RolloutService(registry, required_fingerprint=contract_of(registry, "2"))
    with pytest.raises(ContractMismatch, match="FRAUD_CONTRACT"):
        service.rollback()
    assert registry.assigned("champion") == "2"


def test_a_sound_version_is_promoted(service, registry):
    assert service.promote(registry.register(credit_files())) == "2"
    assert registry.assigned("champion") == "2"


def test_a_damaged_version_is_not_promoted(service, registry):
    with pytest.raises(CorruptBundle):
        service.promote(registry.register(damaged()))
    assert registry.assigned("champion") == "1"


@pytest.mark.parametrize("version", ["7", "../1", ""])
def test_an_unknown_version_is_not_promoted(service, registry, version):
    with pytest.raises(UnknownModel):
        service.promote(version)
    assert registry.assigned("champion") == "1"


def test_the_first_champion_may_follow_any_contract():
    registry = InMemoryRegistry()
    service = RolloutService(registry)
    assert service.promote(registry.register(every_dtype_files())) == "1"


def test_a_version_of_another_contract_is_not_promoted_without_a_request(service, registry):
    with pytest.raises(ContractMismatch, match="--allow-contract-change"):
        service.promote(registry.register(every_dtype_files()))
    assert registry.assigned("champion") == "1"


def test_a_version_of_another_contract_is_promoted_on_request(service, registry):
    version = registry.register(every_dtype_files())
    assert service.promote(version, allow_contract_change=True) == version
    assert registry.assigned("champion") == version


def test_a_damaged_champion_does_not_block_a_promotion():
    registry = InMemoryRegistry()
    registry.assign("champion", registry.register(damaged()))
    service = RolloutService(registry)
    assert service.promote(registry.register(every_dtype_files())) == "2"


def test_a_removed_champion_does_not_block_a_promotion(tmp_path):
    registry = FileRegistry(tmp_path)
    registry.assign("champion", registry.register(credit_files()))
    (tmp_path / "versions" / "1").rename(tmp_path / "removed")
    assert RolloutService(registry).promote(registry.register(credit_files())) == "1"
    assert registry.assigned("champion") == "1"


def test_a_promotion_repairs_a_damaged_alias(tmp_path):
    registry = FileRegistry(tmp_path)
    registry.assign("champion", registry.register(credit_files()))
    (tmp_path / "aliases" / "champion").unlink()
    (tmp_path / "aliases" / "champion").write_bytes(b"\xff damaged")
    service = RolloutService(registry)
    assert [description.aliases for description in ModelService(registry).describe_all()] == [()]
    assert service.promote("1") == "1"
    assert registry.assigned("champion") == "1"


def test_a_rollback_restores_the_previous_champion(service, registry):
    service.promote(registry.register(credit_files()))
    assert service.rollback() == "1"
    assert registry.assigned("champion") == "1"


class OvertakenRegistry(InMemoryRegistry):
    """Somebody else rolls back while a version is being verified."""

    def fetch(self, version: str) -> Mapping[str, bytes]:
        if version == self.overtaken_at:
            self.overtaken_at = ""
            self.restore_previous("champion")
        return super().fetch(version)

    overtaken_at = ""


def test_the_second_of_two_rollbacks_at_once_is_refused_and_no_unverified_model_becomes_champion():
    registry = OvertakenRegistry()
    for files in (damaged(), credit_files(), other_credit_files()):
        registry.assign("champion", registry.register(files))
    registry.overtaken_at = "2"
    with pytest.raises(AliasMoved, match="fraud models history"):
        RolloutService(registry).rollback()
    assert registry.assigned("champion") == "2"


def test_a_model_replaces_only_the_champion_that_it_was_compared_with(waiting):
    other = waiting.register(every_dtype_files())

    class SlowGate(RecordingGate):
        def verdict(self, champion, challenger):
            waiting.assign("champion", other)
            return super().verdict(champion, challenger)

    with pytest.raises(AliasMoved, match="fraud models history"):
        RolloutService(waiting, gate=SlowGate()).promote("2")
    assert waiting.assigned("champion") == other


def test_without_a_previous_champion_there_is_no_rollback(service, registry):
    with pytest.raises(NoChampion):
        service.rollback()
    assert registry.assigned("champion") == "1"


def test_a_rollback_to_a_damaged_version_is_refused():
    registry = InMemoryRegistry()
    registry.assign("champion", registry.register(damaged()))
    registry.assign("champion", registry.register(credit_files()))
    with pytest.raises(CorruptBundle, match="version 1"):
        RolloutService(registry).rollback()
    assert registry.assigned("champion") == "2"


ANNA = Order("anna", "three weeks in shadow")


class RecordingGate:
    """Gives the verdict that it is made with, and records what it was asked about."""

    evidence = ("2,000 decisions were compared", "changed limits: frauds 0")

    def __init__(self, *reasons: str, error: Exception | None = None) -> None:
        self.reasons, self.passed, self.error = reasons, not reasons, error
        self.asked: list[tuple[str, str]] = []

    def verdict(self, champion, challenger):
        self.asked.append((champion.version, challenger.version))
        if self.error:
            raise self.error
        return self


@pytest.fixture
def waiting(registry) -> InMemoryRegistry:
    """Version 1 is champion; version 2 scores otherwise."""
    registry.register(other_credit_files())
    return registry


def last_cause(registry):
    return registry.audit()[-1].cause


def test_a_model_that_passes_the_gate_is_promoted_and_the_verdict_recorded(waiting):
    gate = RecordingGate()
    assert RolloutService(waiting, gate=gate).promote("2", ANNA) == "2"
    assert gate.asked == [("1", "2")]
    cause = last_cause(waiting)
    assert (cause.action, cause.by, cause.reason, cause.forced) == ("promote", "anna", "three weeks in shadow", False)
    assert (cause.gate, cause.gate_reasons) == ("passed", gate.evidence)
    assert cause.digest == ModelService(waiting).load("2").bundle.digest


def test_a_model_that_fails_the_gate_is_not_promoted_and_each_reason_is_given(waiting):
    with pytest.raises(GateRefused) as caught:
        RolloutService(waiting, gate=RecordingGate("too few decisions", "it is worse")).promote("2", ANNA)
    assert caught.value.reasons == ("too few decisions", "it is worse")
    assert str(caught.value).startswith("version 2 did not pass the gate: too few decisions; it is worse. ")
    assert "--force" in str(caught.value)
    assert waiting.assigned("champion") == "1"


def test_a_request_is_told_how_a_request_forces_a_promotion(waiting):
    with pytest.raises(GateRefused) as caught:
        RolloutService(waiting, gate=RecordingGate("it is worse")).promote("2", Order(form=REQUEST))
    assert '"force": true' in caught.value.remedy
    assert "--force" not in str(caught.value)
    assert len(waiting.audit()) == 1


def test_a_model_that_fails_the_gate_is_promoted_by_force_with_reason_and_verdict_recorded(waiting):
    service = RolloutService(waiting, gate=RecordingGate("it is worse"))
    assert service.promote("2", Order("anna", "the old one leaks", force=True)) == "2"
    cause = last_cause(waiting)
    assert (cause.forced, cause.reason) == (True, "the old one leaks")
    assert (cause.gate, cause.gate_reasons) == ("failed", ("it is worse", *RecordingGate.evidence))


def test_a_gate_that_cannot_judge_passes_forced_promotions_only(waiting):
    service = RolloutService(waiting, gate=RecordingGate(error=StoreUnavailable("the store is away")))
    with pytest.raises(
        StoreUnavailable, match="the gate cannot judge: the store is away; to promote without the gate, add --force"
    ):
        service.promote("2", ANNA)
    assert waiting.assigned("champion") == "1"
    service.promote("2", Order("anna", "now", force=True))
    assert last_cause(waiting).gate == "failed"
    assert last_cause(waiting).gate_reasons == ("it could not judge: the store is away",)


@pytest.mark.parametrize("files", [None, damaged], ids=["none", "damaged"])
def test_without_a_sound_champion_the_gate_is_not_asked(files):
    registry, gate = InMemoryRegistry(), RecordingGate("never")
    if files is not None:
        registry.assign("champion", registry.register(files()))
    version = registry.register(credit_files())
    RolloutService(registry, gate=gate).promote(version)
    assert (registry.assigned("champion"), gate.asked) == (version, [])
    assert last_cause(registry).gate == "exempt"


def test_the_gate_is_not_asked_about_the_champion_in_other_words(registry):
    gate = RecordingGate("never")
    registry.register(reworded_credit_files())
    assert RolloutService(registry, gate=gate).promote("2") == "2"
    assert (gate.asked, last_cause(registry).gate) == ([], "exempt")


def test_the_gate_is_not_asked_about_the_champions_own_bundle_under_another_number(registry):
    gate = RecordingGate("never")
    registry.register(credit_files())
    assert RolloutService(registry, gate=gate).promote("2") == "2"
    assert gate.asked == []


def test_promoting_the_champion_changes_nothing_and_does_not_ask_the_gate(registry):
    gate = RecordingGate("never")
    assert RolloutService(registry, gate=gate).promote("champion") == "1"
    assert (gate.asked, len(registry.audit())) == ([], 1)


def test_a_gate_that_is_off_is_recorded(waiting):
    RolloutService(waiting).promote("2")
    assert last_cause(waiting).gate == "off"


def test_a_rollback_does_not_ask_the_gate_and_is_recorded(waiting):
    waiting.assign("champion", "2")
    gate = RecordingGate("never")
    assert RolloutService(waiting, gate=gate).rollback(Order("anna", "declines doubled")) == "1"
    cause = last_cause(waiting)
    assert (cause.action, cause.by, cause.reason, cause.gate) == ("rollback", "anna", "declines doubled", "exempt")
    assert gate.asked == []


def test_without_stored_decisions_only_forced_promotions_pass(waiting):
    service = RolloutService(waiting, gate=RecordingGate(error=NoStore()))
    with pytest.raises(GateRefused, match="nothing can be compared"):
        service.promote("2", ANNA)
    assert service.promote("2", Order("anna", "now", force=True)) == "2"


def test_a_new_model_is_promotable_where_it_meets_no_gate(registry):
    closed = RecordingGate("never")
    RolloutService(InMemoryRegistry(), gate=closed).require_promotable(Order())
    RolloutService(registry).require_promotable(Order())
    RolloutService(registry, gate=closed).require_promotable(Order(reason="why", force=True))
    with pytest.raises(GateRefused, match="a new model has not been compared yet"):
        RolloutService(registry, gate=closed).require_promotable(Order())


def test_the_beginning_and_the_end_of_a_challenge_are_recorded(waiting):
    service = RolloutService(waiting)
    assert service.challenge("2", ANNA) == "2"
    assert waiting.assigned("challenger") == "2"
    assert service.end_challenge(Order("bert")) == "2"
    assert waiting.assigned("challenger") is None
    assert [(one.alias, one.cause.action, one.cause.by) for one in service.history()[:2]] == [
        ("challenger", "stop", "bert"),
        ("challenger", "challenge", "anna"),
    ]


def test_history_is_newest_first(waiting):
    service = RolloutService(waiting)
    service.promote("2")
    assert [change.after for change in service.history()] == ["2", "1"]


@pytest.mark.parametrize("version", ["1", "champion"])
def test_the_champion_does_not_challenge_itself(waiting, version):
    with pytest.raises(InvalidChallenger, match="version 1 is the champion; choose another"):
        RolloutService(waiting).challenge(version)
    assert waiting.assigned("challenger") is None


def test_a_copy_of_the_champion_does_not_challenge_it(registry):
    registry.register(credit_files())
    with pytest.raises(InvalidChallenger):
        RolloutService(registry).challenge("2")


def test_without_a_champion_no_model_challenges():
    registry = InMemoryRegistry()
    registry.register(credit_files())
    with pytest.raises(NoChampion):
        RolloutService(registry).challenge("1")


def test_a_damaged_model_does_not_challenge(registry):
    with pytest.raises(CorruptBundle):
        RolloutService(registry).challenge(registry.register(damaged()))


def test_a_model_of_another_contract_does_not_challenge(registry):
    with pytest.raises(ContractMismatch):
        RolloutService(registry).challenge(registry.register(every_dtype_files()))


def test_only_the_challengers_own_challenge_ends(waiting):
    service = RolloutService(waiting)
    with pytest.raises(NoChallenger, match="there is no challenger"):
        service.end_challenge()
    service.challenge("2")
    with pytest.raises(UnknownModel):
        service.end_challenge(version="1")
    assert service.end_challenge(version="2") == "2"


def test_a_challenger_that_is_promoted_challenges_no_longer(waiting):
    service = RolloutService(waiting, gate=RecordingGate())
    service.challenge("2")
    service.promote("challenger", ANNA)
    assert (waiting.assigned("champion"), waiting.assigned("challenger")) == ("2", None)
    assert [change.cause.action for change in service.history()[:2]] == ["stop", "promote"]


def test_another_challenger_stays_after_a_promotion(waiting):
    waiting.register(credit_files())
    service = RolloutService(waiting)
    service.challenge("2")
    service.promote("3")
    assert waiting.assigned("challenger") == "2"


def test_another_contract_is_refused_before_it_trains(registry):
    service, other = RolloutService(registry), every_dtype_contract()
    with pytest.raises(ContractMismatch, match="--allow-contract-change"):
        service.require_promotable(Order(), other)
    service.require_promotable(Order(), other, allow_contract_change=True)
    RolloutService(InMemoryRegistry()).require_promotable(Order(), other)


def test_a_promotion_from_another_champion_than_the_one_that_was_seen_is_refused(service, registry):
    version = registry.register(other_credit_files())
    registry.assign("champion", registry.register(credit_files()))
    with pytest.raises(AliasMoved):
        service.promote(version, instead_of="1")
    assert registry.assigned("champion") == "3"
    assert service.promote(version, instead_of="3") == version


def test_a_rollback_to_another_version_than_the_one_that_was_seen_is_refused(service, registry):
    registry.assign("champion", registry.register(other_credit_files()))
    with pytest.raises(AliasMoved):
        service.rollback(to="2")
    assert registry.assigned("champion") == "2"
    assert service.rollback(to="1") == "1"


def test_what_a_promotion_would_find_changes_nothing(registry):
    version = registry.register(other_credit_files())
    found = RolloutService(registry).judged(version)
    assert (found.version, found.gate, found.reasons) == (version, "off", ())
    assert registry.assigned("champion") == "1"
