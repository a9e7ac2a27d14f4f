"""What object storage refuses: which errors stop all work, which are of one object, and that none holds a credential."""

from http.server import BaseHTTPRequestHandler

import pytest

from fraud_detection_api.adapters import object_storage
from fraud_detection_api.adapters.object_storage import ObjectLocation, ObjectStorage
from fraud_detection_api.errors import FilesUnavailable
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
