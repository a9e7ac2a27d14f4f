"""The default model registry: a folder. Every write is a rename of something complete, so a kill leaves no half model.

registry/
  versions/7/…         a bundle's files, read-only
  aliases/champion     {"history": ["5", "7"]}: the last one counts
"""

import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from fraud_detection_api.errors import CorruptBundle, NoChampion, RegistryUnavailable, UnknownModel
from fraud_detection_api.ports import Alias

_VERSION = re.compile("[1-9][0-9]{0,17}")
_STALE_SECONDS = 24 * 3600
_HISTORY = 100


class FileRegistry:
    """ModelRegistry on a folder, which is made on the first write."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._versions = root / "versions"
        self._aliases = root / "aliases"
        self._staging = root / ".staging"

    def register(self, files: Mapping[str, bytes]) -> str:
        with self._failures("written"):
            self._staging.mkdir(parents=True, exist_ok=True)
            self._versions.mkdir(exist_ok=True)
            self._sweep_staging()
            folder = Path(tempfile.mkdtemp(dir=self._staging))
            try:
                for name, content in files.items():
                    _write_durably(folder / name, content)
                _sync_folder(folder)
                return self._publish(folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def require_writable(self) -> None:
        absent = [folder for folder in (self._staging, self.root, *self.root.parents) if not folder.exists()]
        with self._failures("written"):
            try:
                self._staging.mkdir(parents=True, exist_ok=True)
                Path(tempfile.mkdtemp(dir=self._staging)).rmdir()
            finally:
                for folder in absent:
                    with suppress(OSError):  # somebody else's registration may have begun in it
                        folder.rmdir()

    def fetch(self, version: str) -> Mapping[str, bytes]:
        folder = self._folder(version)
        with self._failures("read"):
            paths = sorted(folder.iterdir())
            for path in paths:
                if not path.is_file():  # reading a pipe would never end
                    raise CorruptBundle(f"version {version}", f"{path.name} is not a file")
            return {path.name: path.read_bytes() for path in paths}

    def versions(self) -> list[str]:
        with self._failures("read"):
            try:
                names = [path.name for path in self._versions.iterdir() if path.is_dir()]
            except FileNotFoundError:
                names = []
        return sorted(filter(_VERSION.fullmatch, names), key=int)

    def assigned(self, alias: Alias) -> str | None:
        history = self._history(alias)
        return history[-1] if history else None

    def assign(self, alias: Alias, version: str) -> None:
        self._folder(version)
        with self._locked():
            try:
                history = self._history(alias)
            except CorruptBundle:
                history = []  # promoting again is how a damaged alias is mended
            if history[-1:] != [version]:
                self._write_history(alias, [*history, version])

    def previous(self, alias: Alias) -> str:
        history = self._history(alias)
        if len(history) < 2:
            raise NoChampion(f"there is no {alias} before this one to go back to")
        return history[-2]

    def restore_previous(self, alias: Alias) -> str:
        with self._locked():
            previous = self.previous(alias)
            self._folder(previous)
            self._write_history(alias, self._history(alias)[:-1])
            return previous

    def _publish(self, folder: Path) -> str:
        """Rename the finished folder to the next free number; a rename onto a number just taken by others fails."""
        folder.chmod(0o755)
        while True:
            version = str(max((int(taken) for taken in self.versions()), default=0) + 1)
            try:
                folder.rename(self._versions / version)
            except OSError:
                if not (self._versions / version).exists():
                    raise
            else:
                _sync_folder(self._versions)
                return version

    def _folder(self, version: str) -> Path:
        folder = self._versions / version
        with self._failures("read"):
            if not _VERSION.fullmatch(version) or not folder.is_dir():
                raise UnknownModel(version)
        return folder

    def _history(self, alias: Alias) -> list[str]:
        with self._failures("read"):
            try:
                content = (self._aliases / alias).read_bytes()
            except FileNotFoundError:
                return []
        try:
            history: list[str] = json.loads(content)["history"]
            if isinstance(history, list) and all(map(_VERSION.fullmatch, history)):
                return history
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise CorruptBundle(f"alias {alias}", "its file is damaged; promote a version again")

    def _write_history(self, alias: Alias, history: list[str]) -> None:
        content = json.dumps({"history": history[-_HISTORY:]}).encode()
        with self._failures("written"):
            waiting = self._aliases / f".{alias}.{uuid4().hex}"
            try:
                _write_durably(waiting, content)
                waiting.replace(self._aliases / alias)
            finally:
                waiting.unlink(missing_ok=True)
            _sync_folder(self._aliases)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._failures("written"):
            self._aliases.mkdir(parents=True, exist_ok=True)
            lock = (self._aliases / ".lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _sweep_staging(self) -> None:
        """Remove what killed trainings left behind; a day is longer than any write takes."""
        for path in self._staging.iterdir():
            with suppress(FileNotFoundError):  # another training's, finished meanwhile
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _failures(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise RegistryUnavailable(f"the registry {self.root} cannot be {verb}: {reason}") from error


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o444)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
