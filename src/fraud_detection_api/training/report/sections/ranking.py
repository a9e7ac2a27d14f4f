"""How well the model ranks: ROC, precision and recall, and the distribution of the scores."""

from fraud_detection_api.report.document import Gallery, Plot, Section
from fraud_detection_api.report.numbers import count, percent, percent_with_interval
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.report.plots import ranking as paint
from fraud_detection_api.training.report.sections.headline import metric_text


def ranking(material: Material) -> Section:
    """ROC and precision-recall curves, side by side, and the histogram of probabilities."""
    return Section(
        "ranking",
        "Ranking",
        [Gallery([_roc(material), _precision_recall(material)]), _scores(material)],
    )


def _roc(material: Material) -> Plot:
    words, recall = material.words, material.metrics.get("recall_at_1pct_fpr")
    here = ""
    if recall is not None:
        caught = percent_with_interval(recall["value"] or 0.0, recall["low"] or 0.0, recall["high"] or 0.0)
        here = f"At 1 % of {words.others} flagged, {caught} of the {words.events} are caught."
    return Plot(
        paint.roc,
        "ROC curve",
        {**material.evidence["roc"], "marked": None if recall is None else recall["value"]},
        f"Each point is a threshold: the share of {words.others} that it flags, and of {words.events} that it catches. The "
        "closer to the upper left corner, the better; the dashed line is guessing.",
        here,
    )


def _precision_recall(material: Material) -> Plot:
    words, metric = material.words, material.metrics.get("average_precision")
    base_rate = material.evidence["base_rate"]
    here = ""
    if metric is not None:
        average = metric_text("average_precision", metric["value"] or 0.0)
        here = f"The area below is the average precision, {average}; guessing gives {percent(base_rate)}."
    return Plot(
        paint.precision_recall,
        "Precision and recall",
        {**material.evidence["precision_recall"], "base_rate": base_rate},
        f"The more {words.events} a threshold catches (further right), the fewer of its alerts are right (lower). The "
        "left end is ragged because it rests on few records.",
        here,
    )


def _scores(material: Material) -> Plot:
    words, scores = material.words, material.evidence["scores"]
    total = max(1, sum(scores["fraud"]))
    edges = scores["edges"]
    below = sum(frauds for frauds, right in zip(scores["fraud"], edges[1:], strict=True) if right <= 0.5)
    here = f"{count(below)} of {count(total)} {words.events} have a probability below about 50 %."
    return Plot(
        paint.scores,
        "Distribution of the probabilities",
        scores,
        f"Share of each class in bins of probability (log-odds scale). Where the two overlap, the model cannot tell "
        f"{words.events} from {words.others}.",
        here,
    )
