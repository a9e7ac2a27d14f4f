"""What a command refused to do, by its error and not by its words."""

import re

from fraud_detection_api.errors import FraudError


def refusal_of(result) -> type[FraudError]:
    """The kind of error with which `fraud` ended: status 1, nothing on stdout, one error on stderr that names it."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(re.findall(r"^error: ", result.stderr, re.MULTILINE)) == 1
    error = result.exception.__context__.__cause__
    assert isinstance(error, FraudError)
    return type(error)


def numbers_in(text: str) -> list[int]:
    """The whole numbers of a text, thousands with commas."""
    return [int(found.replace(",", "")) for found in re.findall(r"(?<![\w.:-])\d[\d,]*(?![\w.-]|:\d)", text)]
