"""Files in object storage: S3 and what speaks its protocol, Google Cloud Storage, Azure. Needs the extra `cloud`.

Credentials, region and endpoint come from the environment, as obstore reads it: AWS_*, GOOGLE_*, AZURE_*.
"""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from fraud_detection_api.errors import FilesUnavailable, FraudError, InvalidDataset, InvalidSetting, MissingExtra
from fraud_detection_api.services.batch.places import EVERYTHING, Part, chosen, is_glob
from fraud_detection_api.tables.whole_files import writing

PATIENCE_SECONDS = 30.0
"""How long a request is tried again before storage counts as unavailable. The last trial may take as long once more."""

SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "az": "az", "abfs": "az", "abfss": "az"}
"""The kind of storage, by the scheme of a URL."""

_CHUNK = 8 << 20  # bytes of a download's and of an upload's piece; S3 takes 10,000 pieces, so 80 GB a file
_PIECES_AT_ONCE = 4  # of an upload, in memory
_LISTED = 1_000
_CONNECTING_SECONDS = 5.0
_ANSWER_SECONDS = 30.0  # without a byte


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """A `bucket`, or a container, and the `prefix` of its objects, without slashes at its ends. Of Azure, the `account`."""

    kind: str
    bucket: str
    prefix: str
    account: str | None = None

    @classmethod
    def parse(cls, url: str) -> "ObjectLocation":
        """Location from `s3://bucket/prefix`, `gs://…`, `az://container/…`, `abfss://container@account.dfs…/…`.

        Raises InvalidSetting, which never repeats the URL, because it may hold a credential.

        >>> ObjectLocation.parse("s3://bucket/loans/2024/")
        ObjectLocation(kind='s3', bucket='bucket', prefix='loans/2024', account=None)
        """
        scheme, _, rest = url.partition("://")
        authority, _, prefix = rest.partition("/")
        before, at, host = authority.rpartition("@")
        azure = scheme in {"abfs", "abfss"}
        if "?" in url or "#" in url or (at and (not azure or ":" in before)):
            raise secret_in(scheme)
        bucket, account = (before, host.partition(".")[0]) if at else (host, None)
        if scheme not in SCHEMES or not re.fullmatch(r"[A-Za-z0-9$][A-Za-z0-9._-]*", bucket):
            raise InvalidSetting(f"{scheme}:// URL", "must be like s3://BUCKET/FOLDER, gs://… or az://…")
        return cls(SCHEMES[scheme], bucket, prefix.strip("/"), account)

    def __str__(self) -> str:
        below = f"/{self.prefix}" if self.prefix else ""
        if self.account:
            return f"abfss://{self.bucket}@{self.account}.dfs.core.windows.net{below}"
        return f"{self.kind}://{self.bucket}{below}"


def secret_in(scheme: str) -> InvalidSetting:
    """The error for a URL that may hold a credential, and is not repeated."""
    return InvalidSetting(f"{scheme}:// URL", "has credentials or a query; set them in the environment instead")


@dataclass(frozen=True, slots=True)
class ObjectStorage:
    """The objects below a location, as a place. Each request is tried again for `patience_seconds`."""

    location: ObjectLocation
    patience_seconds: float = PATIENCE_SECONDS

    def __str__(self) -> str:
        return str(self.location)

    def require(self) -> None:
        """Raise MissingExtra without the extra `cloud`, FilesUnavailable where the environment says too little."""
        with self._failures():
            self._store()

    @property
    def options(self) -> dict[str, str]:
        """The same limits, as other libraries on Rust's object_store take them; they read the environment, too."""
        return {
            "connect_timeout": f"{min(_CONNECTING_SECONDS, self.patience_seconds)}s",
            "timeout": "1h",
            "retry_timeout": f"{self.patience_seconds}s",
            "allow_http": str(_over_http()).lower(),
        }

    def parts(self, pattern: str = EVERYTHING) -> list[Part]:
        if not is_glob(pattern):
            return self._part(pattern)
        prefix = self.location.prefix or None
        with self._failures():
            listed = [each for chunk in self._store().list(prefix, chunk_size=_LISTED) for each in chunk]
        # some tools make an empty object for a folder
        folders = {str(folder) for each in listed for folder in PurePosixPath(each["path"]).parents}
        objects = [each for each in listed if each["size"] or each["path"] not in folders]
        below = len(self.location.prefix) + 1 if self.location.prefix else 0
        found = [_part(each["path"][below:], each) for each in objects]
        return sorted((part for part in found if chosen(part.name, pattern)), key=lambda part: part.name)

    def _part(self, name: str) -> list[Part]:
        if not chosen(name, name):
            return []
        try:
            with self._failures(name):
                # without its content; the answer to HEAD does not say whether it is the bucket that is missing
                return [_part(name, self._store().get(self._key(name)).meta)]
        except _NoObject:
            return []

    @contextmanager
    def fetched(self, name: str) -> Iterator[Path]:
        with _scratch(name) as path:
            try:
                with writing(path), path.open("wb") as file:
                    file.writelines(self._chunks(name))
            except _NoObject:
                raise InvalidDataset(f"{self}/{name}", ["no such object; was it removed meanwhile?"]) from None
            yield path

    def _chunks(self, name: str) -> Iterator[Any]:
        with self._failures(name):
            yield from self._store().get(self._key(name)).stream(min_chunk_size=_CHUNK)

    @contextmanager
    def written(self, name: str) -> Iterator[Path]:
        with _scratch(name) as path:
            with writing(path):
                yield path
            try:
                with self._failures(name):
                    self._store().put(self._key(name), path, chunk_size=_CHUNK, max_concurrency=_PIECES_AT_ONCE)
            except _NoObject:
                raise InvalidDataset(f"{self}/{name}", ["its upload was removed meanwhile; write it again"]) from None

    @contextmanager
    def claimed(self) -> Iterator[None]:
        # an object appears whole, and two runs of the same command write the same bytes
        yield

    def read(self, name: str) -> bytes | None:
        try:
            with self._failures(name):
                return bytes(self._store().get(self._key(name)).bytes())
        except _NoObject:
            return None

    def constants(self, name: str, held: Collection[str]) -> dict[str, pl.Expr]:  # noqa: ARG002 a file is what it holds
        return {}

    def _key(self, name: str) -> str:
        return f"{self.location.prefix}/{name}" if self.location.prefix else name

    def _store(self) -> Any:
        return _opened(self.location, self.patience_seconds)

    @contextmanager
    def _failures(self, name: str | None = None) -> Iterator[None]:
        """Raise obstore's errors as the project's, or _NoObject where there is none of that name.

        The library's text is left out: it holds addresses, and what the server said.
        """
        source = str(self) if name is None else f"{self}/{name}"
        try:
            yield
        except FraudError:
            raise
        except _errors() as error:
            text = str(error)
            code = _CODE.search(text) or _STATUS.search(text)
            said = f" ({code[1]})" if code else ""
            if isinstance(error, FileNotFoundError) and not _NO_BUCKET.search(text):
                raise _NoObject from None
            if isinstance(error, ValueError):
                raise InvalidDataset(source, ["is no name of an object"]) from None
            for meaning, problem in _MEANINGS:
                if meaning.search(text):
                    raise FilesUnavailable(source, problem + said) from None
            raise FilesUnavailable(source, f"storage cannot be used{said or ': ' + type(error).__name__}") from None


class _NoObject(LookupError):
    """There is no object of that name."""


_CODE, _STATUS = re.compile(r"<Code>(\w+)</Code>"), re.compile(r"status code: (\d+)")
_NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound|FilesystemNotFound")
_MEANINGS = [
    (_NO_BUCKET, "no such bucket"),
    # a cloud's own machines get their credentials there, and every other machine from its environment
    (
        re.compile("/latest/api/token|/latest/meta-data|169[.]254[.]|metadata[.]google"),
        "the environment has no credentials",
    ),
    (
        re.compile("BareRedirect|PermanentRedirect|AuthorizationHeaderMalformed"),
        "the bucket is in another region; set AWS_REGION",
    ),
    (re.compile("InvalidObjectState"), "is archived; restore it first"),
    (
        re.compile(
            "ExpiredToken|InvalidAccessKeyId|SignatureDoesNotMatch|status code: 40[13]|Unauthenticated|PermissionDenied"
        ),
        "access is denied; check the credentials in the environment, and their rights",
    ),
    (re.compile("BadScheme"), "its endpoint must begin with https:// or http://"),
    (re.compile("MissingAccount"), "which account? Set AZURE_STORAGE_ACCOUNT_NAME"),
    (
        re.compile("TimedOut|Timeout|timed out|kind: (Connect|Request|Interrupted|Decode|Unknown)"),
        "storage does not answer",
    ),
]
"""What a person can do, by what obstore reports."""


def _part(name: str, found: Any) -> Part:
    return Part(name, found["size"], found["e_tag"] or found["last_modified"].isoformat())


@contextmanager
def _scratch(name: str) -> Iterator[Path]:
    """A path for a file of that name, in a folder of its own under TMPDIR, which is removed at the end."""
    with TemporaryDirectory(prefix="fraud-part-") as folder:
        yield Path(folder, PurePosixPath(name).name)


def _errors() -> tuple[type[Exception], ...]:
    """What obstore raises; it has no common root."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 the extra

    return (BaseError, FileNotFoundError, PermissionError, ValueError)


@lru_cache(maxsize=16)
def _opened(location: ObjectLocation, patience_seconds: float) -> Any:
    """A connection of this process: nothing is sent yet. Each process opens its own."""
    try:
        from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415 the extra
    except ModuleNotFoundError:
        raise MissingExtra("cloud", f"{location.kind}:// for files in object storage") from None
    options: dict[str, Any] = {
        "retry_config": {"max_retries": 10, "retry_timeout": timedelta(seconds=patience_seconds)},
        "client_options": {
            "connect_timeout": timedelta(seconds=min(_CONNECTING_SECONDS, patience_seconds)),
            "read_timeout": timedelta(seconds=min(_ANSWER_SECONDS, patience_seconds)),
            "timeout": timedelta(hours=1),  # the default ends a download after 30 s
            "allow_http": _over_http(),
        },
    }
    if location.kind == "s3":
        return S3Store(location.bucket, **options)
    if location.kind == "gs":
        return GCSStore(location.bucket, **options)
    return AzureStore(location.bucket, config={"account_name": location.account} if location.account else {}, **options)


def _over_http() -> bool:
    """Whether the environment names an endpoint without TLS."""
    endpoints = (os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"))
    return any(endpoint.startswith("http://") for endpoint in endpoints)
