"""The address of an MLflow server, and the name of its models and runs."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

DEFAULT_NAME = "fraud-detection"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class MlflowLocation:
    """`uri` of the server; `name` of the registered model and of the experiment. Neither holds a secret."""

    uri: str
    name: str

    @classmethod
    def parse(cls, address: str) -> "MlflowLocation":
        """Location from `http://host:5000` or `https://host/prefix?model=NAME`.

        Raises ValueError, which says what is wrong and never repeats the address, as that may contain a password.

        >>> MlflowLocation.parse("http://127.0.0.1:5000/?model=cards")
        MlflowLocation(uri='http://127.0.0.1:5000', name='cards')
        """
        parts = _split(address)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        name = query.pop("model", DEFAULT_NAME)
        if query or parts.fragment:
            raise ValueError("the server's address accepts no other query than ?model=NAME")
        if not _NAME.fullmatch(name):
            raise ValueError("a model's name has 1 to 100 letters, digits or ._- and starts with a letter or digit")
        return cls(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", name)


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[^!-~]", address):
        raise ValueError("an MLflow server's address is like http://127.0.0.1:5000")
    if "@" in parts.netloc:
        advice = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, instead"
        raise ValueError(f"an address must not contain a password, because others can see it; {advice}")
    return parts
