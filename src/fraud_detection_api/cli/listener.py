"""What jobs report, in words on stderr."""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from fraud_detection_api.cli.terminal import progress, say
from fraud_detection_api.jobs.listener import Event, Step, StepProgress, UnusableOption

if TYPE_CHECKING:  # it needs Polars
    from fraud_detection_api.services.labels.training_sets import Exported

MOST_SHOWN = 20
"""This many decisions with a broken seal are named to people; JSON names all."""

OTHER_KEY = (
    "is FRAUD_SEAL_KEY (or FRAUD_SEAL_KEY_FILE) the server's? With another key, or none, every seal looks broken"
)


class TerminalListener:
    """Shows a bar for each step, and prints a line for each event."""

    @contextmanager
    def step(self, step: Step, **facts: Any) -> Iterator[StepProgress]:
        with progress(_STEPS[step].format(**facts)) as bar:

            def update(share: float, **state: Any) -> None:
                described = _STATES[step](**state) if state else None
                bar(share, described, milestone=step == "tune" and described is not None)

            yield update

    def report(self, event: Event, **facts: Any) -> None:
        for line in _EVENTS[event](**facts):
            say(line)


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn an option that a job cannot use into an error about the command's usage, with status 2."""
    try:
        yield
    except UnusableOption as error:
        raise typer.BadParameter(error.detail, param_hint=error.option) from error


def exported_lines(exported: "Exported", suffix: str = "to learn from") -> Iterator[str]:
    """What became of the decisions in the window of a training set."""
    known = f"{exported.fraud:,} frauds, {exported.legitimate:,} legitimate"
    yield f"{exported.rows:,} records {suffix}: {known}, {exported.assumed_legitimate:,} assumed to be legitimate"
    others = {
        "without a time, which got the time of their decision": exported.untimed,
        "left out: no label": exported.unlabelled,
        "left out: stored under another contract": exported.other_contract,
        "left out: erased": exported.erased,
    }
    yield from (f"{count:,} {what}" for what, count in others.items() if count)
    yield from tampered_lines(exported)


def tampered_lines(exported: "Exported") -> Iterator[str]:
    """A warning about changed decisions, also for those who read the JSON."""
    if exported.tampered:
        yield (
            f"warning: {exported.tampered:,} left out: changed since they were stored, or sealed with another "
            "FRAUD_SEAL_KEY; `fraud store check` names them"
        )


def _line(template: str) -> Callable[..., list[str]]:
    return lambda **facts: [template.format(**facts)]


def _challenging(version: str, before: str | None) -> list[str]:
    return [f"version {version} is challenger" + ("" if before is None else f" instead of version {before}")]


def _listening(address: str, example: Mapping[str, Any]) -> list[str]:
    record = json.dumps([example], ensure_ascii=False)
    return [
        f"""
fraud-detection-api listens on {address}
  documentation   {address}/docs
  try it          curl --location '{address}/fraud_detection' --header 'Content-Type: application/json' \\
                  --data {shlex.quote(record)}
  stop            Ctrl-C
"""
    ]


def _trials(finished: int, trials: int, best: float | None) -> str:
    so_far = "" if best is None else f", best so far {best:.4f}"
    return f"{finished} of {trials} trials are finished{so_far}"


_STEPS: Mapping[Step, str] = {
    "backtest": "Reading stored decisions",
    "export": "Exporting decisions",
    "import": "Importing {file}",
    "purge": "Removing {decisions:,} decisions",
    "replay": "Replaying",
    "simulate": "Scoring {records:,} records",
    "train": "Training on {records:,} records",
    "train_default": "Training",
    "train_tuned": "Training with the best settings",
    "tune": "Tuning on {records:,} records",
}
_STATES: Mapping[str, Callable[..., str]] = {
    "backtest": "{decisions:,} decisions".format,
    "replay": "Replayed {decisions:,} decisions".format,
    "tune": _trials,
}
_EVENTS: Mapping[Event, Callable[..., Any]] = {
    "challenging": _challenging,
    "default_trained": _line("trained the default model: ROC AUC {roc_auc:.3f} (best possible {best_possible:.3f})"),
    "exported": exported_lines,
    "listening": _listening,
    "policy_registered": _line("registered version {version}: version {like} with policy {policy}"),
    "promoted": _line("version {version} is champion"),
    "registered": _line("registered version {version} in {location} ({digest:.19}…)"),
    "tracked": _line("tracked at {at}"),
    "training_default": _line("training the default model on simulated records: a quarter of a minute on two cores"),
    "tuned": _line("{objective}: {default:.4f} with the defaults, {best:.4f} with the best settings"),
    "warning": _line("warning: {text}"),
}
