"""The default model registry: a folder. Every write renames something complete, so a kill leaves no partial model.

registry/
  versions/7/…         a bundle's files, read-only
  aliases/champion     {"history": ["5", "7"]}: the last version is current
  audit.jsonl          a line for each change of an alias, on the disk before the alias moves
"""

import errno
import fcntl
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from io import RawIOBase
from pathlib import Path
from typing import get_args
from uuid import uuid4

from fraud_detection_api.errors import AliasMoved, CorruptBundle, NoChampion, RegistryUnavailable, UnknownModel
from fraud_detection_api.model.documents import json_object
from fraud_detection_api.services.models import aliases
from fraud_detection_api.services.models.contracts import require_registry_of
from fraud_detection_api.tables.whole_files import sync

_VERSION = re.compile("[1-9][0-9]{0,17}")
_STALE_SECONDS = 24 * 3600
_HISTORY = 100
_ATTEMPTS = 100

LOCK_SECONDS = 5.0
"""Longer than any change of an alias takes; a process that was stopped must not stop the others."""

_OWN_FILE = os.O_NONBLOCK | os.O_NOFOLLOW
"""Whoever can write to the registry must not have a promotion write elsewhere, through a link."""

_LOCK, _LOCK_PAUSE_SECONDS = ".lock", 0.01


class FileRegistry:
    """ModelRegistry in a folder, which the first write creates. `wall_clock` gives seconds since 1970.

    Without the folder, the registry is empty; where it `must_exist`, reading raises RegistryUnavailable.
    """

    def __init__(self, root: Path, wall_clock: Callable[[], float] = time.time, *, must_exist: bool = False) -> None:
        self.root = root
        self._wall_clock, self._must_exist = wall_clock, must_exist
        self._versions = root / "versions"
        self._aliases = root / "aliases"
        self._staging = root / ".staging"
        self._audit = root / "audit.jsonl"

    def require_folder(self) -> None:
        """Raise RegistryUnavailable if there is no folder: its volume may not be mounted."""
        if not self.root.is_dir():
            raise RegistryUnavailable(
                f"the registry folder {self.root.absolute()} does not exist; name another one (--registry), or run "
                "`fraud train FILE`, which creates it"
            )

    def register(self, files: Mapping[str, bytes], *, contract: str | None = None) -> str:
        with self._failures("written"):
            self._sweep_staging()
            folder = self._staged()
            try:
                self._versions.mkdir(exist_ok=True)
                for name, content in files.items():
                    _write_durably(folder / name, content)
                sync(folder)
                with nullcontext() if contract is None else self._locked():
                    if contract is not None:
                        require_registry_of(self, contract, where=str(self.root))
                    version = self._publish(folder)
                self._leave_out_of_git()
                return version
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def require_writable(self) -> None:
        absent = [folder for folder in (self._staging, self.root, *self.root.parents) if not folder.exists()]
        with self._failures("written"):
            try:
                self._staged().rmdir()
            finally:
                for folder in absent:
                    with suppress(OSError):  # another registration may have started in it
                        folder.rmdir()

    def fetch(self, version: str) -> Mapping[str, bytes]:
        folder = self._folder(version)
        with self._failures("read"):
            paths = sorted(folder.iterdir())
            for path in paths:
                if not path.is_file():  # reading a pipe would never end
                    raise CorruptBundle(f"version {version}", f"{path.name} is not a file")
            return {path.name: path.read_bytes() for path in paths}

    def stamp(self, version: str) -> str:
        """When the last file was added to the version's folder."""
        folder = self._folder(version)
        with self._failures("read"):
            return str(folder.stat().st_mtime_ns)

    def versions(self) -> list[str]:
        with self._failures("read"):
            try:
                # a link is none of ours, and could show a version twice
                names = [path.name for path in self._versions.iterdir() if path.is_dir() and not path.is_symlink()]
            except FileNotFoundError:
                names = []
        return sorted(filter(_VERSION.fullmatch, names), key=int)

    def assigned(self, alias: aliases.Alias) -> str | None:
        history = self._history(alias)
        return history[-1] if history else None

    def assign(
        self,
        alias: aliases.Alias,
        version: str,
        cause: aliases.Cause = aliases.UNEXPLAINED,
        *,
        expected: str | None = aliases.ANYWHERE,
    ) -> None:
        self._folder(version)
        with self._locked():
            try:
                history = self._history(alias)
            except CorruptBundle:
                history = [aliases.UNREADABLE]  # promoting again repairs a damaged alias
            if expected not in (aliases.ANYWHERE, history[-1] if history else None):
                raise AliasMoved(alias)
            if history[-1:] != [version]:
                self._move(alias, history, [*history, version], cause)

    def withdraw(self, alias: aliases.Alias, cause: aliases.Cause = aliases.UNEXPLAINED) -> None:
        with self._locked():
            if history := self._history(alias):
                self._move(alias, history, [], cause)

    def previous(self, alias: aliases.Alias) -> str:
        history = self._history(alias)
        if len(history) < 2:
            raise NoChampion(f"there is no earlier {alias} to go back to")
        return history[-2]

    def restore_previous(
        self, alias: aliases.Alias, cause: aliases.Cause = aliases.UNEXPLAINED, *, expected: str = aliases.ANYWHERE
    ) -> str:
        with self._locked():
            previous = self.previous(alias)
            if expected not in (aliases.ANYWHERE, previous):
                raise AliasMoved(alias)
            self._folder(previous)
            history = self._history(alias)
            self._move(alias, history, history[:-1], cause)
            return previous

    def audit(self) -> list[aliases.AliasChange]:
        """Skips lines that a kill or a full disk left incomplete: their changes did not happen."""
        with self._failures("read"), self._standing_still():
            try:
                lines = _content(self._audit).decode(errors="replace").splitlines()
            except FileNotFoundError:
                return []
            current = {alias: self._current(alias) for alias in get_args(aliases.Alias)}
        changes = [change for line in lines if (change := aliases.parsed_change(line)) is not None]
        return aliases.with_effects(changes, current)

    def _publish(self, folder: Path) -> str:
        """Rename the finished folder to the next free number; renaming onto a number that another process took fails."""
        folder.chmod(0o755)
        number = max(map(int, self.versions()), default=0) + 1
        while _VERSION.fullmatch(str(number)):
            version = self._versions / str(number)
            try:
                folder.rename(version)
            except OSError:
                if not os.path.lexists(version):  # a link to nothing takes a number, too
                    raise
                number += 1
            else:
                sync(self._versions)
                return version.name
        raise OSError(errno.ERANGE, f"no version can follow {number - 1}")

    def _staged(self) -> Path:
        """A new folder in which a version is prepared. Another process may remove empty folders that it made, this one's."""
        for attempt in range(_ATTEMPTS):
            try:
                self._staging.mkdir(parents=True, exist_ok=True)
                return Path(tempfile.mkdtemp(dir=self._staging))
            except (FileNotFoundError, FileExistsError):  # the latter if a folder goes just when it was found to exist
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _leave_out_of_git(self) -> None:
        """Name what belongs to this machine alone, for those who keep their registry in git."""
        with suppress(OSError), (self.root / ".gitignore").open("x", encoding="utf-8") as file:
            file.write(f".gitignore\n{self._staging.name}/\n{self._aliases.name}/{_LOCK}\n")

    def _folder(self, version: str) -> Path:
        folder = self._versions / version
        with self._failures("read"):
            if not _VERSION.fullmatch(version) or folder.is_symlink() or not folder.is_dir():
                raise UnknownModel(version)
        return folder

    def _history(self, alias: aliases.Alias) -> list[str]:
        with self._failures("read"):
            try:
                content = _content(self._aliases / alias)
            except FileNotFoundError:
                return []
        try:
            history: list[str] = json_object(content)["history"]
            if isinstance(history, list) and all(map(_VERSION.fullmatch, history)):
                return history
        except (ValueError, KeyError, TypeError):
            pass
        raise CorruptBundle(f"alias {alias}", "its file is damaged; promote a version again")

    def _current(self, alias: aliases.Alias) -> str | None:
        try:
            return self.assigned(alias)
        except CorruptBundle:
            return aliases.UNREADABLE

    def _move(self, alias: aliases.Alias, before: list[str], after: list[str], cause: aliases.Cause) -> None:
        """Move an alias, under the lock. A kill between the two steps leaves a line whose change did not take effect."""
        old, new = (history[-1] if history else None for history in (before, after))
        change = aliases.AliasChange(round(self._wall_clock() * 1000), alias, old, new, cause)
        with self._failures("written"):
            _append_durably(self._audit, aliases.change_text(change))
        self._write_history(alias, [version for version in after if version != aliases.UNREADABLE])

    def _write_history(self, alias: aliases.Alias, history: list[str]) -> None:
        content = json.dumps({"history": history[-_HISTORY:]}).encode()
        with self._failures("written"):
            waiting = self._aliases / f".{alias}.{uuid4().hex}"
            try:
                _write_durably(waiting, content)
                waiting.replace(self._aliases / alias)
            finally:
                waiting.unlink(missing_ok=True)
            sync(self._aliases)
            # killed changes left these behind; under the lock no other process writes any
            for path in self._aliases.glob(f".{alias}.*"):
                path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._failures("written"):
            self._aliases.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._aliases / _LOCK, os.O_RDWR | os.O_CREAT | _OWN_FILE, 0o644)
        with self._held(lock, fcntl.LOCK_EX):
            yield

    @contextmanager
    def _standing_still(self) -> Iterator[None]:
        """Keep aliases from moving while the block runs; works on a read-only registry, too."""
        try:
            lock = os.open(self._aliases / _LOCK, os.O_RDONLY | _OWN_FILE)
        except FileNotFoundError:  # no alias was ever moved
            yield
            return
        with self._held(lock, fcntl.LOCK_SH):
            yield

    @contextmanager
    def _held(self, lock: int, kind: int) -> Iterator[None]:
        """Hold the lock, which this closes. Raises RegistryUnavailable where others hold it for long."""
        try:
            ends = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= ends:
                        held = f"another process has held {self._aliases / _LOCK} for {LOCK_SECONDS:g} s"
                        raise RegistryUnavailable(f"the registry {self.root} is in use: {held}") from None
                    time.sleep(_LOCK_PAUSE_SECONDS)
            yield
        finally:
            os.close(lock)

    def _sweep_staging(self) -> None:
        """Remove what killed trainings left behind; no write takes a day."""
        try:
            found = list(self._staging.iterdir())
        except FileNotFoundError:
            return
        for path in found:
            with suppress(FileNotFoundError):  # another training has finished with it
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _failures(self, verb: str) -> Iterator[None]:
        try:
            if self._must_exist and verb == "read":
                self.require_folder()
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise RegistryUnavailable(f"the registry {self.root} cannot be {verb}: {reason}") from error


def _content(path: Path) -> bytes:
    """A file's bytes. Raises OSError, and never waits for what is no file, such as a pipe, nor follows a link."""
    with os.fdopen(os.open(path, os.O_RDONLY | _OWN_FILE), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, f"{path.name} is not a file")
        return file.read()


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o444)


def _append_durably(path: Path, line: str) -> None:
    """Append a line, all or nothing as far as the disk allows; first end a partial line that a kill left."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _OWN_FILE, 0o666)
    with os.fdopen(descriptor, "ab+", buffering=0) as file:  # closing would write what a full disk left in a buffer
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        torn = file.read() not in (b"", b"\n")
        try:
            content = b"\n" * torn + line.encode() + b"\n"
            _write_all(file, content)
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    if is_new:
        sync(path.parent)


def _write_all(file: RawIOBase, content: bytes) -> None:
    """Write to an unbuffered file, which writes a part if the disk is nearly full. Raises OSError."""
    if file.write(content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
