"""What jobs report, in words. The only test of this prose."""

from types import SimpleNamespace
from typing import get_args

import pytest
import typer

from fraud_detection_api.cli import listener
from fraud_detection_api.cli.listener import TerminalListener, usage_errors
from fraud_detection_api.jobs.listener import Event, Step, UnusableOption

EXPORTED = SimpleNamespace(
    rows=9, fraud=2, legitimate=4, assumed_legitimate=3, untimed=1, unlabelled=0, other_contract=0, erased=5, tampered=0
)
SAID = {
    "challenging": ({"version": "3", "before": None}, ["version 3 is challenger"]),
    "default_trained": (
        {"roc_auc": 0.94, "best_possible": 0.951},
        ["trained the default model: ROC AUC 0.940 (best possible 0.951)"],
    ),
    "exported": (
        {"exported": EXPORTED},
        [
            "9 records to learn from: 2 frauds, 4 legitimate, 3 assumed to be legitimate",
            "1 without a time, which got the time of their decision",
            "5 left out: erased",
        ],
    ),
    "policy_registered": (
        {"version": "3", "like": "2", "policy": "4"},
        ["registered version 3: version 2 with policy 4"],
    ),
    "promoted": ({"version": "3"}, ["version 3 is champion"]),
    "registered": (
        {"version": "3", "location": "registry", "digest": "sha256:0123456789abcdef"},
        ["registered version 3 in registry (sha256:0123456789ab…)"],
    ),
    "tracked": ({"at": "http://localhost/runs/1"}, ["tracked at http://localhost/runs/1"]),
    "tuned": (
        {"objective": "ROC AUC", "default": 0.9, "best": 0.91},
        ["ROC AUC: 0.9000 with the defaults, 0.9100 with the best settings"],
    ),
    "warning": ({"text": "few frauds"}, ["warning: few frauds"]),
}


@pytest.mark.parametrize("event", SAID)
def test_an_event_is_said_on_stderr(event, capsys):
    facts, lines = SAID[event]
    TerminalListener().report(event, **facts)
    assert capsys.readouterr() == ("", "".join(f"{line}\n" for line in lines))


def test_every_step_and_event_has_words():
    assert set(listener._STEPS) == set(get_args(Step))
    assert set(listener._EVENTS) == set(get_args(Event)) == {*SAID, "listening", "training_default"}
    assert set(listener._STATES) <= set(get_args(Step))


def test_trials_are_said_even_where_there_is_no_bar(capsys):
    with TerminalListener().step("tune", records=10) as progress:
        progress(0.5, finished=1, trials=2, best=None)
        progress(1.0, finished=2, trials=2, best=0.75)
    assert capsys.readouterr().err.splitlines() == [
        "1 of 2 trials are finished",
        "2 of 2 trials are finished, best so far 0.7500",
    ]


def test_an_option_that_a_job_cannot_use_is_an_error_of_usage():
    with pytest.raises(typer.BadParameter) as caught, usage_errors():
        raise UnusableOption("--delay-days", "the contract has no [time]")
    assert caught.value.param_hint == "--delay-days"
