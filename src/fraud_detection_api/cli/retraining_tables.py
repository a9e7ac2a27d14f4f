"""What `fraud retrain` and `fraud export` tell people of records, and of a new model beside the champion."""

from typing import TYPE_CHECKING

from fraud_detection_api.cli.terminal import print_table, say

if TYPE_CHECKING:  # these take the training libraries, which a serving installation lacks
    from fraud_detection_api.services.labels.training_sets import Exported
    from fraud_detection_api.training.evaluate import Difference, Estimate
    from fraud_detection_api.training.retraining import HeldOutComparison


def say_exported(exported: "Exported", place: str = "to learn from") -> None:
    """What became of the decisions that were looked at."""
    known = f"{exported.fraud:,} frauds, {exported.legitimate:,} legitimate"
    say(f"{exported.rows:,} records {place}: {known}, {exported.assumed_legitimate:,} taken for legitimate")
    others = {
        "without a time, which got that of their decision": exported.untimed,
        "left out: no label": exported.unlabelled,
        "left out: kept under another contract": exported.other_contract,
        "left out: erased": exported.erased,
    }
    for what, count in others.items():
        if count:
            say(f"{count:,} {what}")
    say_tampered(exported)


def say_tampered(exported: "Exported") -> None:
    """That decisions were changed since they were kept is a warning, also to whoever reads the JSON."""
    if exported.tampered:
        say(
            f"warning: {exported.tampered:,} left out: changed since they were kept, or sealed with another FRAUD_SEAL_KEY; "
            "`fraud store check` names them"
        )


def print_comparison(compared: "HeldOutComparison", champion: str, challenger: str) -> None:
    """A row a metric: both models with their 95 % intervals, and how much higher the new one is."""
    rows = [
        (name.replace("_", " "), _cell(compared.champion[name]), _cell(compared.challenger[name]), _signed(difference))
        for name, difference in compared.differences.items()
    ]
    seen = (
        "neither has seen"
        if compared.unseen
        else "held out from the challenger; the champion may have learned from some"
    )
    title = f"{compared.records:,} records, {compared.frauds:,} frauds, {seen}"
    print_table(("metric", f"champion {champion}", f"challenger {challenger}", "difference"), rows, title=title)


def _cell(estimate: "Estimate") -> str:
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"


def _signed(difference: "Difference") -> str:
    return f"{difference.difference:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"
