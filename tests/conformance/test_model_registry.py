"""What every model registry does, whatever it stands on."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from fraud_detection_api.adapters import file_registry
from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.adapters.mlflow import registry as mlflow_registry
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.errors import AliasMoved, ContractMismatch, NoChampion, UnknownModel
from fraud_detection_api.services.models.aliases import Cause
from support.builders import assign_each
from support.fakes import InMemoryRegistry

FILES = {"booster.ubj": b"\x00\xff trees", "card.json": b"{}"}
UNKNOWN = ["2", "0", "-1", "1.0", "01", "+1", " 1", "1 ", "1\n", "", ".", "..", "../1", "../x", "a/b", "/", "\0", "x"]
UNKNOWN += ["champion", "1/", "٣", "²", "9" * 300, "9" * 5000, "x" * 5000]


@pytest.fixture(params=["in memory", "folder", "MLflow server"])
def registry(request, tmp_path):
    if request.param == "in memory":
        return InMemoryRegistry()
    if request.param == "folder":
        return FileRegistry(tmp_path / "registry")
    return build_registry(request.getfixturevalue("mlflow_server").location())


def register(registry, count: int) -> list[str]:
    return [registry.register({**FILES, "card.json": b'{"number": %d}' % number}) for number in range(1, count + 1)]


def test_checking_for_write_access_writes_nothing(registry):
    registry.require_writable()
    assert registry.versions() == []


def test_an_empty_registry_has_no_versions(registry):
    assert registry.versions() == []


def test_an_empty_registry_has_no_alias(registry):
    assert registry.assigned("champion") is None
    assert registry.assigned("challenger") is None


def test_reading_an_empty_registry_twice_changes_nothing(registry):
    registry.versions()
    registry.assigned("champion")
    assert registry.versions() == []


def test_what_was_registered_is_fetched(registry):
    assert dict(registry.fetch(registry.register(FILES))) == FILES


def test_versions_are_numbered_from_1(registry):
    assert register(registry, 3) == ["1", "2", "3"]


def test_versions_are_listed_oldest_first(registry):
    register(registry, 11)
    assert registry.versions() == [str(number) for number in range(1, 12)]


def test_the_same_files_make_another_version(registry):
    assert registry.register(FILES) != registry.register(FILES)


def test_each_version_has_its_own_files(registry):
    first, second = register(registry, 2)
    assert registry.fetch(first)["card.json"] == b'{"number": 1}'
    assert registry.fetch(second)["card.json"] == b'{"number": 2}'


def test_registering_moves_no_alias(registry):
    register(registry, 2)
    assert registry.assigned("champion") is None


def test_what_the_caller_changes_after_registering_is_not_stored(registry):
    files = dict(FILES)
    version = registry.register(files)
    files["card.json"] = b"changed"
    assert dict(registry.fetch(version)) == FILES


def test_changing_fetched_files_does_not_change_the_registry(registry):
    version = registry.register(FILES)
    registry.fetch(version).update({"card.json": b"changed"})
    registry.versions().clear()
    assert dict(registry.fetch(version)) == FILES
    assert registry.versions() == [version]


def test_an_unknown_version_cannot_be_fetched_or_assigned(registry):
    registry.assign("champion", registry.register(FILES))
    for version in UNKNOWN:
        for use in (registry.fetch, partial(registry.assign, "champion")):
            with pytest.raises(UnknownModel) as caught:
                use(version)
            assert caught.value.version == version
    assert registry.assigned("champion") == "1"


def test_an_alias_points_where_it_was_assigned(registry):
    register(registry, 2)
    registry.assign("champion", "2")
    assert registry.assigned("champion") == "2"


def test_aliases_do_not_share_their_version(registry):
    register(registry, 2)
    registry.assign("champion", "1")
    registry.assign("challenger", "2")
    assert (registry.assigned("champion"), registry.assigned("challenger")) == ("1", "2")


def test_an_alias_can_move_to_an_older_version(registry):
    register(registry, 2)
    registry.assign("champion", "2")
    registry.assign("champion", "1")
    assert registry.assigned("champion") == "1"


def test_the_version_before_is_known(registry):
    register(registry, 3)
    assign_each(registry, "1", "3")
    assert registry.previous("champion") == "1"
    assert registry.assigned("champion") == "3"


def test_restoring_goes_back_one_step_at_a_time(registry):
    register(registry, 3)
    assign_each(registry, "1", "2", "3")
    assert [registry.restore_previous("champion") for _ in range(2)] == ["2", "1"]
    assert registry.assigned("champion") == "1"


def test_only_one_of_two_concurrent_restores_succeeds(registry):
    register(registry, 3)
    assign_each(registry, "1", "2", "3")
    assert registry.restore_previous("champion", expected="2") == "2"
    with pytest.raises(AliasMoved):
        registry.restore_previous("champion", expected="2")
    assert registry.assigned("champion") == "2"
    assert len(registry.audit()) == 4


def test_an_alias_that_someone_else_moved_is_not_moved(registry):
    register(registry, 3)
    registry.assign("champion", "1", expected=None)
    registry.assign("champion", "2", expected="1")
    for expected in ("1", None):
        with pytest.raises(AliasMoved):
            registry.assign("champion", "3", expected=expected)
    assert registry.assigned("champion") == "2"
    assert len(registry.audit()) == 2


def test_a_version_keeps_its_stamp(registry):
    register(registry, 2)
    before = registry.stamp("1")
    registry.assign("champion", "1")
    assert registry.stamp("1") == before


def test_assigning_the_same_version_again_adds_no_step(registry):
    register(registry, 2)
    assign_each(registry, "1", "2", "2")
    assert registry.restore_previous("champion") == "1"


def test_a_version_may_return_in_the_history(registry):
    register(registry, 2)
    assign_each(registry, "1", "2", "1")
    assert [registry.restore_previous("champion") for _ in range(2)] == ["2", "1"]


@pytest.mark.parametrize("assigned", [[], ["1"]])
def test_with_nothing_before_there_is_nothing_to_restore(registry, assigned):
    register(registry, 1)
    assign_each(registry, *assigned)
    with pytest.raises(NoChampion, match="no earlier champion"):
        registry.previous("champion")
    with pytest.raises(NoChampion, match="no earlier champion"):
        registry.restore_previous("champion")
    assert registry.assigned("champion") == (assigned[0] if assigned else None)


def test_restoring_one_alias_leaves_the_other(registry):
    register(registry, 2)
    for version in ("1", "2"):
        registry.assign("champion", version)
        registry.assign("challenger", version)
    registry.restore_previous("champion")
    assert registry.assigned("challenger") == "2"


def test_an_assignment_after_a_restore_counts_from_there(registry):
    register(registry, 3)
    assign_each(registry, "1", "2")
    registry.restore_previous("champion")
    registry.assign("champion", "3")
    assert registry.previous("champion") == "1"


def test_a_withdrawn_alias_points_at_nothing_and_has_nothing_before(registry):
    register(registry, 2)
    registry.assign("challenger", "1")
    registry.assign("challenger", "2")
    registry.withdraw("challenger")
    assert registry.assigned("challenger") is None
    with pytest.raises(NoChampion, match="no earlier challenger"):
        registry.previous("challenger")


def test_withdrawing_one_alias_leaves_the_other(registry):
    register(registry, 1)
    registry.assign("champion", "1")
    registry.assign("challenger", "1")
    registry.withdraw("challenger")
    assert registry.assigned("champion") == "1"


def test_a_withdrawn_alias_can_be_assigned_again(registry):
    register(registry, 1)
    registry.assign("challenger", "1")
    registry.withdraw("challenger")
    registry.assign("challenger", "1")
    assert registry.assigned("challenger") == "1"


CAUSE = Cause(
    "promote", "Ánna (admin 3f2a91c4)", 'beats it "clearly" \u2026', True, "failed", ("too few", "of one"), "sha256:1"
)


def moves(registry) -> list[tuple]:
    return [(change.alias, change.before, change.after) for change in registry.audit()]


def test_before_the_first_change_nothing_was_changed(registry):
    assert registry.audit() == []
    register(registry, 1)
    assert registry.audit() == []


def test_every_change_is_stored_oldest_first(registry):
    register(registry, 2)
    assign_each(registry, "1", "2")
    registry.assign("challenger", "1")
    registry.restore_previous("champion")
    registry.withdraw("challenger")
    assert moves(registry) == [
        ("champion", None, "1"),
        ("champion", "1", "2"),
        ("challenger", None, "1"),
        ("champion", "2", "1"),
        ("challenger", "1", None),
    ]
    assert all(change.took_effect for change in registry.audit())
    times = [change.at for change in registry.audit()]
    assert times == sorted(times)


def test_a_change_is_stored_with_its_cause_whole(registry):
    register(registry, 2)
    registry.assign("champion", "1", CAUSE)
    registry.assign("champion", "2")
    registry.restore_previous("champion", CAUSE._replace(action="rollback", reason=""))
    registry.assign("challenger", "2", CAUSE._replace(action="challenge"))
    registry.withdraw("challenger", CAUSE._replace(action="stop", gate_reasons=()))
    kept = [change.cause for change in registry.audit()]
    assert kept[0] == CAUSE
    assert kept[1] == Cause()
    assert kept[2] == CAUSE._replace(action="rollback", reason="")
    assert [cause.action for cause in kept] == ["promote", "assign", "rollback", "challenge", "stop"]


def test_a_cause_of_any_length_is_stored_on_one_line_of_bounded_length(registry):
    register(registry, 1)
    registry.assign("champion", "1", CAUSE._replace(reason="wor\nd " * 5000, gate_reasons=("r" * 5000,) * 500))
    [change] = registry.audit()
    assert change.cause.reason.startswith("wor d wor d")
    assert len(change.cause.reason) <= 500
    assert len(change.cause.gate_reasons) == 16


def test_a_repeated_assignment_is_not_a_change(registry):
    register(registry, 1)
    assign_each(registry, "1", "1")
    registry.withdraw("challenger")
    with pytest.raises(NoChampion):
        registry.restore_previous("champion")
    with pytest.raises(UnknownModel):
        registry.assign("champion", "7")
    assert moves(registry) == [("champion", None, "1")]


def test_a_change_of_long_ago_is_still_there(registry, monkeypatch):
    for adapter in (file_registry, mlflow_registry):
        monkeypatch.setattr(adapter, "_HISTORY", 4)
    register(registry, 2)
    assign_each(registry, *["1", "2"] * 4)
    assert len(registry.audit()) == 8


LOANS, CREDIT = ({**FILES, "contract.json": b'{"name": "%s"}' % name} for name in (b"loans", b"credit"))


def test_a_registry_takes_models_of_one_contract(registry):
    registry.register(LOANS, contract="loans")
    with pytest.raises(ContractMismatch, match=r"'loans'.*'credit'"):
        registry.register(CREDIT, contract="credit")
    assert registry.versions() == ["1"]
    assert registry.register(LOANS, contract="loans") == "2"
    assert registry.register(CREDIT) == "3"  # if nobody asks


def test_of_registrations_at_the_same_moment_the_first_decides(registry):
    def register_one(files, contract) -> bool:
        try:
            registry.register(files, contract=contract)
        except ContractMismatch:
            return False
        return True

    with ThreadPoolExecutor() as threads:
        tries = [
            threads.submit(register_one, files, name) for files, name in [(LOANS, "loans"), (CREDIT, "credit")] * 2
        ]
    assert [each.result() for each in tries].count(True) == 2
    assert {registry.fetch(version)["contract.json"] for version in registry.versions()} == {
        registry.fetch(registry.versions()[0])["contract.json"]
    }
