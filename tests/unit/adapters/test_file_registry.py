"""The folder: whole after a kill, a full disk or a race, and clear about what it cannot do."""

import errno
import fcntl
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from fraud_detection_api.adapters import file_registry
from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.errors import CorruptBundle, NoChampion, RegistryUnavailable, UnknownModel
from fraud_detection_api.schemas.models import alias_change
from support.mutations import mutated

FILES = {"booster.ubj": b"trees", "card.json": b"{}", "manifest.json": b"{}"}
WAIT_SECONDS = 30

REGISTER_MANY = """
import sys
from pathlib import Path
from fraud_detection_api.adapters.file_registry import FileRegistry

print("ready", flush=True)
sys.stdin.readline()
registry = FileRegistry(Path(sys.argv[1]))
for _ in range(20):
    print(registry.register({name: sys.argv[2].encode() * 1000 for name in "abc"}), flush=True)
"""

STOP_AT_FSYNC = """
import os, sys, time
from pathlib import Path
from fraud_detection_api.adapters.file_registry import FileRegistry

def stand_still(descriptor, _left=[int(sys.argv[2])]):
    _left[0] -= 1
    if _left[0] == 0:
        print("ready", flush=True)
        time.sleep(600)

os.fsync = stand_still
registry = FileRegistry(Path(sys.argv[1]))
registry.register({"booster.ubj": b"trees", "card.json": b"{}", "manifest.json": b"{}"})
registry.assign("champion", "2")
"""


@pytest.fixture
def registry(tmp_path) -> FileRegistry:
    """One version, which is champion."""
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(FILES))
    return registry


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def started(code: str, *arguments: object) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline().strip() == "ready"
    return process


def test_reading_makes_no_folder(tmp_path):
    registry = FileRegistry(tmp_path / "registry")
    registry.versions()
    registry.assigned("champion")
    assert not registry.root.exists()


def test_a_version_is_a_folder_of_read_only_files(registry):
    folder = registry.root / "versions" / "1"
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == dict.fromkeys(FILES, 0o444)
    assert folder.stat().st_mode & 0o777 == 0o755


def test_nothing_is_left_in_staging(registry):
    assert list((registry.root / ".staging").iterdir()) == []


def test_another_instance_sees_the_same(registry):
    other = FileRegistry(registry.root)
    assert other.versions() == ["1"]
    assert other.assigned("champion") == "1"


def test_a_number_is_not_used_again_after_a_gap(registry):
    registry.register(FILES)
    for path in (registry.root / "versions" / "1").iterdir():
        path.unlink()
    (registry.root / "versions" / "1").rmdir()
    assert registry.register(FILES) == "3"


def test_strange_entries_among_the_versions_are_left_alone(registry):
    (registry.root / "versions" / ".DS_Store").write_text("x")
    (registry.root / "versions" / "backup").mkdir()
    (registry.root / "versions" / "٣").mkdir()
    assert registry.versions() == ["1"]
    assert registry.register(FILES) == "2"


BEYOND_THE_PATTERN = ["v01", "01", "tmp", "1e3", "-1", "1.0", "9" * 255]


@pytest.mark.parametrize("name", BEYOND_THE_PATTERN, ids=lambda name: name[:5])
def test_a_folder_beyond_the_pattern_is_no_version(registry, name):
    shutil.copytree(registry.root / "versions" / "1", registry.root / "versions" / name)
    assert registry.versions() == ["1"]
    with pytest.raises(UnknownModel):
        registry.fetch(name)
    assert registry.register(FILES) == "2"


@pytest.mark.parametrize("target", ["1", "nothing"])
def test_a_link_is_no_version_and_keeps_its_number(registry, target):
    (registry.root / "versions" / "2").symlink_to(target)
    assert registry.versions() == ["1"]
    with pytest.raises(UnknownModel):
        registry.fetch("2")
    assert registry.register(FILES) == "3"


def test_a_stray_file_keeps_its_number(registry):
    (registry.root / "versions" / "2").touch()
    assert registry.register(FILES) == "3"


def test_after_the_highest_number_nothing_is_registered(registry):
    (registry.root / "versions" / ("9" * 18)).mkdir()
    with pytest.raises(RegistryUnavailable, match=r"9{18}"):
        registry.register(FILES)


def test_first_trainings_at_once_all_register_and_promote(tmp_path):
    """Each sees that the folder is writable, which makes folders and removes them again, while others register."""
    for number in range(20):
        registry, together = FileRegistry(tmp_path / f"{number}" / "registry"), threading.Barrier(4)

        def train(registry=registry, together=together) -> str:
            together.wait()
            registry.require_writable()
            version = registry.register(FILES)
            registry.assign("champion", version)
            return version

        with ThreadPoolExecutor(4) as pool:
            versions = [training.result() for training in [pool.submit(train) for _ in range(4)]]
        assert sorted(versions) == ["1", "2", "3", "4"]
        assert len(registry.audit()) == 4


@pytest.mark.parametrize("name", ["aliases/.lock", "aliases/champion", "audit.jsonl"])
def test_a_pipe_in_place_of_a_file_is_an_error_and_no_wait(tmp_path, name):
    registry = FileRegistry(tmp_path)
    registry.assign("champion", registry.register(FILES))
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    if name == "audit.jsonl":
        with pytest.raises(RegistryUnavailable):
            registry.audit()
    elif name == "aliases/champion":
        with pytest.raises(RegistryUnavailable):
            registry.assigned("champion")
    else:
        assert len(registry.audit()) == 1  # a pipe can be locked, too


def test_a_lock_that_another_process_holds_for_long_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(file_registry, "LOCK_SECONDS", 0.05)
    registry = FileRegistry(tmp_path)
    registry.assign("champion", registry.register(FILES))
    with (tmp_path / "aliases" / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for call in (registry.audit, lambda: registry.assign("champion", registry.register(FILES))):
            with pytest.raises(RegistryUnavailable):
                call()
    assert len(registry.audit()) == 1


def test_processes_that_register_at_once_get_versions_of_their_own(tmp_path):
    processes = [started(REGISTER_MANY, tmp_path, letter) for letter in "xyz"]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=WAIT_SECONDS)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    registry = FileRegistry(tmp_path)
    assert sorted(int(version) for output in outputs for version in output) == list(range(1, 61))
    for letter, output in zip("xyz", outputs, strict=True):
        for version in output:
            assert registry.fetch(version) == dict.fromkeys("abc", letter.encode() * 1000)


@pytest.mark.parametrize("fsync", [1, 2, 3, 4], ids=["first file", "second file", "last file", "folder"])
def test_a_kill_while_registering_leaves_the_registry_as_it_was(registry, fsync):
    process = started(STOP_AT_FSYNC, registry.root, fsync)
    process.kill()
    process.wait()
    process.communicate()
    assert registry.versions() == ["1"]
    assert registry.assigned("champion") == "1"
    assert registry.register(FILES) == "2"
    assert registry.fetch("2") == FILES


@pytest.mark.parametrize(
    ("fsync", "champion"),
    [(6, "1"), (7, "1"), (8, "2")],
    ids=["before it is written down", "before the rename", "after it"],
)
def test_a_kill_while_promoting_leaves_one_champion_or_the_other_and_the_audit_trail_reports_which(
    registry, fsync, champion
):
    process = started(STOP_AT_FSYNC, registry.root, fsync)
    process.kill()
    process.communicate()
    assert registry.assigned("champion") == champion
    assert [change.took_effect for change in registry.audit()] == [True, champion == "2"]
    registry.assign("champion", "2")
    assert registry.assigned("champion") == "2"
    assert [change.took_effect for change in registry.audit()][:2] == [True, champion == "2"]
    assert registry.audit()[-1].took_effect


def test_a_line_that_was_cut_off_is_passed_over_and_spoils_none_that_follow(registry):
    registry.register(FILES)
    with (registry.root / "audit.jsonl").open("a") as file:
        file.write('{"at": "2026-11-2')
    registry.assign("champion", "2")
    assert [(change.before, change.after) for change in registry.audit()] == [(None, "1"), ("1", "2")]


def test_lines_of_changes_are_never_rewritten(registry):
    before = (registry.root / "audit.jsonl").read_bytes()
    registry.assign("champion", registry.register(FILES))
    assert (registry.root / "audit.jsonl").read_bytes().startswith(before)


def test_the_time_of_a_change_is_the_clocks(tmp_path):
    registry = FileRegistry(tmp_path, wall_clock=lambda: 1_795_341_600.1234)
    registry.assign("champion", registry.register(FILES))
    assert registry.audit()[0].at == 1_795_341_600_123
    assert '"at": "2026-11-22T10:00:00.123Z"' in (tmp_path / "audit.jsonl").read_text()


def test_a_damaged_alias_that_is_repaired_is_a_change_from_what_cannot_be_read(registry):
    (registry.root / "aliases" / "champion").chmod(0o644)
    (registry.root / "aliases" / "champion").write_bytes(b"damaged")
    assert registry.audit()[0].took_effect
    registry.assign("champion", "1")
    assert [(change.before, change.after, change.took_effect) for change in registry.audit()] == [
        (None, "1", True),
        ("?", "1", True),
    ]


def test_changes_by_many_at_once_are_a_chain_without_a_gap(registry):
    registry.register(FILES)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: registry.assign("champion", str(1 + number % 2)), range(100)))
    changes = registry.audit()
    assert all(change.took_effect for change in changes)
    assert [change.before for change in changes[1:]] == [change.after for change in changes[:-1]]
    assert changes[-1].after == registry.assigned("champion")


def abandoned(registry: FileRegistry, name: str, *, age_hours: float) -> Path:
    folder = registry.root / ".staging" / name
    folder.mkdir()
    (folder / "booster.ubj").write_bytes(b"half")
    then = time.time() - age_hours * 3600
    os.utime(folder, (then, then))
    return folder


def test_what_killed_trainings_left_is_swept_after_a_day(registry):
    old, recent = abandoned(registry, "old", age_hours=25), abandoned(registry, "recent", age_hours=23)
    registry.register(FILES)
    assert (old.exists(), recent.exists()) == (False, True)


def test_a_staging_folder_that_others_remove_meanwhile_is_no_failure(registry, monkeypatch):
    abandoned(registry, "theirs", age_hours=1)
    listed = Path.iterdir

    def listed_then_removed(folder):
        entries = list(listed(folder))
        if folder.name == ".staging":
            for entry in entries:
                (entry / "booster.ubj").unlink()
                entry.rmdir()
        return iter(entries)

    monkeypatch.setattr(Path, "iterdir", listed_then_removed)
    assert registry.register(FILES) == "2"


def fail_with(number: int):
    def fail(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_of_a_version(registry, monkeypatch, number):
    before = snapshot(registry.root)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_with(number))
        with pytest.raises(RegistryUnavailable, match="cannot be written"):
            registry.register(FILES)
    assert snapshot(registry.root) == before
    assert list((registry.root / ".staging").iterdir()) == []
    assert registry.register(FILES) == "2"


def test_a_full_disk_leaves_the_alias_as_it_was(registry, monkeypatch):
    registry.register(FILES)
    before = snapshot(registry.root)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_with(errno.ENOSPC))
        with pytest.raises(RegistryUnavailable, match=os.strerror(errno.ENOSPC)):
            registry.assign("champion", "2")
    assert snapshot(registry.root) == before


def test_a_rename_that_fails_for_good_is_reported(registry, monkeypatch):
    monkeypatch.setattr(Path, "rename", fail_with(errno.EACCES))
    with pytest.raises(RegistryUnavailable, match="cannot be written: Permission denied"):
        registry.register(FILES)


def test_a_number_taken_by_others_meanwhile_is_passed_over(registry, monkeypatch):
    registry.register(FILES)
    listings = [["1"], ["1", "2"]]
    monkeypatch.setattr(FileRegistry, "versions", lambda _self: listings.pop(0))
    assert registry.register(FILES) == "3"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written_is_reported(tmp_path, monkeypatch, number):
    registry = FileRegistry(tmp_path / "registry")
    monkeypatch.setattr(Path, "mkdir", fail_with(number))
    expected = f"the registry {registry.root} cannot be written: {os.strerror(number)}"
    with pytest.raises(RegistryUnavailable) as caught:
        registry.register(FILES)
    assert str(caught.value) == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_read_only_folder_is_read_but_not_written(registry):
    for folder in (registry.root / ".staging", registry.root / "versions"):
        folder.chmod(0o555)
    assert registry.versions() == ["1"]
    with pytest.raises(RegistryUnavailable, match="Permission denied"):
        registry.register(FILES)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_that_may_not_be_entered_is_reported(registry):
    (registry.root / "versions").chmod(0)
    try:
        with pytest.raises(RegistryUnavailable, match="cannot be read: Permission denied"):
            registry.fetch("1")
    finally:
        (registry.root / "versions").chmod(0o755)


@pytest.mark.parametrize(
    "use",
    [
        lambda registry: registry.register(FILES),
        lambda registry: registry.versions(),
        lambda registry: registry.assigned("champion"),
    ],
    ids=["register", "versions", "assigned"],
)
def test_a_registry_that_is_a_file_is_reported(tmp_path, use):
    path = tmp_path / "registry"
    path.write_text("not a folder")
    with pytest.raises(RegistryUnavailable, match=rf"the registry {path} cannot be (read|written): \w+"):
        use(FileRegistry(path))


def test_a_version_whose_files_cannot_be_read_is_reported(registry):
    (registry.root / "versions" / "1" / "folder").mkdir()
    with pytest.raises(CorruptBundle, match="version 1: folder is not a file"):
        registry.fetch("1")


def test_a_pipe_among_a_versions_files_does_not_hold_the_reader(registry):
    os.mkfifo(registry.root / "versions" / "1" / "card")
    with pytest.raises(CorruptBundle, match="card is not a file"):
        registry.fetch("1")


def test_a_stray_file_among_the_versions_is_passed_over(registry):
    before = registry.versions()
    (registry.root / "versions" / "9").write_text("stray")
    assert registry.versions() == before


def test_a_mutated_alias_is_read_or_is_corrupt(registry):
    path, draw = registry.root / "aliases" / "champion", random.Random(1)
    content = path.read_bytes()
    path.chmod(0o644)
    for _ in range(100):
        path.write_bytes(mutated(content, draw))
        with suppress(CorruptBundle):
            registry.assigned("champion")


def test_a_mutated_line_of_the_audit_trail_is_read_or_passed_over(registry):
    path, draw = registry.root / "audit.jsonl", random.Random(1)
    line = path.read_bytes().splitlines()[0]
    for _ in range(200):
        path.write_bytes(mutated(line, draw) + b"\n" + line + b"\n")
        changes = registry.audit()
        assert changes[-1].after == "1"
        assert [alias_change(change).model_dump_json() for change in changes]


DAMAGED = [b"", b"not json", b"[]", b"null", b"3", b"{}", b'{"history": 3}', b'{"history": "12"}', b"\xff\xfe\x00"]
DAMAGED += [b'{"history":' + b"[" * 100_000, b'{"history": ["1"], "history": ["1"]}', b'{"history": ["v1"]}']
DAMAGED += [b'{"history": [{}]}', b'{"history": [["1"]]}']


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: ascii(content)[:30])
def test_a_damaged_alias_is_an_error_when_read(registry, content):
    (registry.root / "aliases" / "champion").chmod(0o644)
    (registry.root / "aliases" / "champion").write_bytes(content)
    with pytest.raises(CorruptBundle, match="alias champion: its file is damaged; promote a version again"):
        registry.assigned("champion")


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: ascii(content)[:30])
def test_a_damaged_alias_is_repaired_by_assigning_it(registry, content):
    (registry.root / "aliases" / "champion").chmod(0o644)
    (registry.root / "aliases" / "champion").write_bytes(content)
    registry.assign("champion", "1")
    assert registry.assigned("champion") == "1"
    with pytest.raises(NoChampion):
        registry.previous("champion")


def test_a_version_before_that_was_removed_cannot_be_restored(registry):
    registry.assign("champion", registry.register(FILES))
    (registry.root / "versions" / "1").rename(registry.root / "gone")
    with pytest.raises(UnknownModel):
        registry.restore_previous("champion")
    assert registry.assigned("champion") == "2"


def test_the_history_of_an_alias_does_not_grow_for_ever(registry):
    registry.register(FILES)
    for number in range(120):
        registry.assign("champion", str(1 + number % 2))
    assert len((registry.root / "aliases" / "champion").read_text()) < 1000
    assert registry.previous("champion") == "1"


def test_what_a_killed_change_of_an_alias_left_behind_is_removed_by_the_next_one(registry):
    (registry.root / "aliases" / ".champion.0123456789abcdef").write_text("half")
    registry.assign("champion", registry.register(FILES))
    assert sorted(path.name for path in (registry.root / "aliases").iterdir()) == [".lock", "champion"]


@pytest.fixture
def room_for():
    """Lets files grow to so many bytes and no further, as on a full disk."""
    before, as_before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, as_before)


def test_a_change_that_finds_no_room_leaves_no_half_line(registry, room_for):
    version = registry.register(FILES)
    before = (registry.root / "audit.jsonl").read_bytes()
    room_for(len(before) + 20)
    with pytest.raises(RegistryUnavailable, match="cannot be written"):
        registry.assign("champion", version)
    assert (registry.root / "audit.jsonl").read_bytes() == before
    assert registry.assigned("champion") == "1"


@pytest.mark.parametrize("name", ["audit.jsonl", "aliases/.lock", "aliases/champion"])
def test_no_promotion_writes_through_a_link(tmp_path, name):
    registry = FileRegistry(tmp_path / "new")
    registry.register({"card.json": b"{}"})
    (registry.root / "aliases").mkdir()
    target = tmp_path / "elsewhere"
    (registry.root / name).symlink_to(target)
    with suppress(RegistryUnavailable):
        registry.assign("champion", "1")
    assert not target.exists()
