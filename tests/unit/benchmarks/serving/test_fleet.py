"""Answers are checked before anything is timed."""

import json
from http.server import BaseHTTPRequestHandler

import pytest

from benchmarks.serving.environments import NotMeasured
from benchmarks.serving.fleet import check_answers, same
from benchmarks.serving.targets import Target
from support.listening import listening

PROBABILITIES = [0.25, 0.5]


class TwoRecords:
    """A model that is sure of two records."""

    def fraud_probabilities(self, rows):
        return [1 - probability for probability in PROBABILITIES]

    def booster_probabilities(self, rows):
        return PROBABILITIES


def answering(status: int, answer: object):
    """The port of a server that answers this to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return listening(Handler)


def target(**changes) -> Target:
    asked = {"name": "peer", "label": "A peer", "server": "peer", "path": "/score", "ask": lambda _model, rows: [rows]}
    return Target(**asked, **{"read": lambda answer: answer, **changes})


@pytest.mark.parametrize(
    ("answer", "calibrated"), [([0.25, 0.5], False), ([0.250001, 0.499999], False), ([0.75, 0.5], True)]
)
def test_a_target_that_answers_what_the_model_says_passes(answer, calibrated):
    with answering(200, answer) as port:
        check_answers(port, target(calibrated=calibrated), TwoRecords())


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (404, {}, "no such route"),
        (500, {}, "answers 500"),
        (200, [0.25, 0.6], "differ"),
        (200, [0.25], "differ"),
        (200, None, "not of the form"),
    ],
)
def test_any_other_is_not_measured_and_says_why(status, answer, why):
    with answering(status, answer) as port, pytest.raises(NotMeasured, match=why):
        check_answers(port, target(read=list), TwoRecords())


def test_a_server_that_is_gone_is_not_measured():
    with answering(200, []) as port:
        pass
    with pytest.raises(NotMeasured, match="does not answer"):
        check_answers(port, target(), TwoRecords())


def test_the_empty_application_answers_nothing_to_compare():
    with answering(200, [0.5]) as port:
        check_answers(port, target(read=None), TwoRecords())


def test_probabilities_agree_within_a_hundred_thousandth():
    assert same([0.5], [0.500009])
    assert not same([0.5], [0.50002])
    assert not same([0.5, 0.5], [0.5])
