"""What object storage refuses: which errors stop all work, which are of one object, and that none holds a credential."""

import errno
import os
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from fraud_detection_api.adapters import object_storage
from fraud_detection_api.adapters.object_storage import ObjectLocation, ObjectStorage
from fraud_detection_api.errors import FilesUnavailable, InvalidSetting, MissingExtra
from support.listening import listening


def storage(url: str, seconds: float = 20) -> ObjectStorage:
    return ObjectStorage(ObjectLocation.parse(url), seconds)


def use(url: str, *, seconds: float = 20) -> FilesUnavailable:
    """The error that everything raises alike."""
    place, errors = storage(url, seconds), []
    uses = [
        place.parts,
        lambda: place.parts("a.csv"),
        lambda: place.read("a.csv"),
        lambda: place.fetched("a.csv").__enter__(),
        lambda: _written(place),
    ]
    for each in uses:
        with pytest.raises(FilesUnavailable) as caught:
            each()
        errors.append(caught.value)
    assert len({error.problem for error in errors}) == 1
    return errors[0]


def _written(place):
    with place.written("a.csv") as path:
        path.write_text("a")


@pytest.fixture(autouse=True)
def _unopened():
    """Each test has an environment of its own, and connections keep that with which they were opened."""
    object_storage._opened.cache_clear()


def test_a_bucket_that_does_not_exist_stops_everything(s3):
    assert use("s3://test-none/loans").problem.startswith("no such bucket")


def test_storage_that_does_not_answer_stops_everything(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert use("s3://test-none/loans", seconds=0.3).problem == "storage does not answer"


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (403, "AccessDenied", "access is denied"),
        (403, "SignatureDoesNotMatch", "access is denied"),
        (400, "ExpiredToken", "access is denied"),
        (400, "AuthorizationHeaderMalformed", "another region"),
        (503, "SlowDown", "storage cannot be used"),
    ],
)
def test_an_answer_that_refuses_stops_everything_and_shows_no_credential(status, code, problem, s3, monkeypatch):
    with listening(refusing(status, code)) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        error = use("s3://test-refused/loans", seconds=0.3)
    assert problem in error.problem
    assert f"({code})" in error.problem
    assert "SECRET" not in str(error)


def refusing(status: int, code: str) -> type[BaseHTTPRequestHandler]:
    """Answers every request with an error of S3 that repeats secrets."""

    class Handler(BaseHTTPRequestHandler):
        def _refuse(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = f"<Error><Code>{code}</Code><Message>SECRET</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = _refuse  # noqa: N815

    return Handler


def test_without_credentials_the_environment_is_to_blame(s3, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
    assert use("s3://test-none/loans", seconds=0.3).problem == "the environment has no credentials"


def test_a_place_ends_at_its_folder_s_name(s3):
    bucket = s3.bucket()
    for name in ("loans/a.csv", "loans-2/b.csv", "loans/deep/c.csv", "c.csv"):
        s3.put(f"{bucket}/{name}", b"1")
    assert [part.name for part in storage(f"{bucket}/loans/").parts()] == ["a.csv", "deep/c.csv"]
    assert [part.name for part in storage(bucket).parts("*")] == ["c.csv"]


def test_an_object_that_stands_for_a_folder_is_no_part(s3):
    bucket = s3.bucket()
    for name in ("day=1/", "day=1/a.csv", "empty.csv"):
        s3.put(f"{bucket}/{name}", b"")
    assert [part.name for part in storage(bucket).parts()] == ["day=1/a.csv", "empty.csv"]


def test_a_full_scratch_disk_stops_everything(s3, tmp_path, monkeypatch):
    bucket = s3.bucket()
    s3.put(f"{bucket}/a.csv", b"1")
    monkeypatch.setattr(Path, "open", _full)
    with pytest.raises(FilesUnavailable, match=os.strerror(errno.ENOSPC)), storage(bucket).fetched("a.csv"):
        raise AssertionError("the block is not entered")


def _full(*_given, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_download_that_breaks_off_is_no_file(s3, monkeypatch):
    with listening(_BreaksOff) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        with pytest.raises(FilesUnavailable), storage("s3://test-broken", 0.3).fetched("a.csv"):
            raise AssertionError("the block is not entered")


class _BreaksOff(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 06:37:54 GMT")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://bucket", ObjectLocation("s3", "bucket", "")),
        ("s3a://bucket/a/b/", ObjectLocation("s3", "bucket", "a/b")),
        ("gs://bucket/a b", ObjectLocation("gs", "bucket", "a b")),
        ("az://container/a", ObjectLocation("az", "container", "a")),
        ("abfss://container@account.dfs.core.windows.net/a", ObjectLocation("az", "container", "a", "account")),
    ],
)
def test_a_location_is_read_from_a_url_and_written_as_one(url, location):
    assert ObjectLocation.parse(url) == location
    assert ObjectLocation.parse(str(location)) == location


@pytest.mark.parametrize(
    "url",
    [
        "s3://KEY:SECRET@bucket/a",
        "s3://SECRET@bucket/a",
        "s3://bucket/a?AWSAccessKeyId=SECRET",
        "abfss://container:SECRET@account.dfs.core.windows.net/a",
        "az://container/a#SECRET",
        "s3:///SECRET",
        "ftp://SECRET/a",
    ],
)
def test_a_url_with_a_credential_is_refused_and_not_repeated(url):
    with pytest.raises(InvalidSetting) as caught:
        ObjectLocation.parse(url)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("url", ["gs://bucket/a", "abfss://container@account.dfs.core.windows.net/a"])
def test_the_other_clouds_are_opened_by_the_same_library(url):
    storage(url).require()


def test_azure_needs_the_name_of_an_account(monkeypatch):
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    with pytest.raises(FilesUnavailable, match="AZURE_STORAGE_ACCOUNT_NAME"):
        storage("az://container/a").require()


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(MissingExtra) as caught:
        storage("s3://bucket").require()
    assert caught.value.extra == "cloud"
