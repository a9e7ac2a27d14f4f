"""A new model beside the champion, on the same records."""

from typing import TYPE_CHECKING

from fraud_detection_api.cli.terminal import print_table
from fraud_detection_api.report.measures import measure_text

if TYPE_CHECKING:  # they need the training libraries
    from fraud_detection_api.training.evaluate import Difference, Estimate
    from fraud_detection_api.training.retraining import HeldOutComparison


def print_comparison(compared: "HeldOutComparison", champion: str, challenger: str) -> None:
    """A row for each measure: both models with their 95 % intervals, and how much higher the new model is."""
    rows = [
        (measure_text(name), _cell(compared.champion[name]), _cell(compared.challenger[name]), _signed(difference))
        for name, difference in compared.differences.items()
    ]
    seen = (
        "which neither model was trained on"
        if compared.unseen
        else "held out from the challenger; the champion may have been trained on some"
    )
    title = f"{compared.records:,} records, {compared.frauds:,} frauds, {seen}"
    print_table(("measure", f"champion {champion}", f"challenger {challenger}", "difference"), rows, title=title)


def _cell(estimate: "Estimate") -> str:
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"


def _signed(difference: "Difference") -> str:
    return f"{difference.difference:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"
