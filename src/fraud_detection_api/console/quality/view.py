"""The view of the page Quality: golden decisions, second reviews, and what they say of each reviewer."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fraud_detection_api.console.views.service import moment
from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.report.numbers import count, percent
from fraud_detection_api.services.reviewing.quality import (
    MOST_JUDGED,
    MOST_LABELLED,
    MOST_LISTED,
    CheckedWork,
    QualityService,
)
from fraud_detection_api.services.reviewing.quality_store import GoldenDecision, Judged
from fraud_detection_api.services.reviewing.review_store import VerdictKind
from fraud_detection_api.statistics.agreement import cohen_kappa
from fraud_detection_api.statistics.estimates import Estimate, share_estimate

PERIODS = (30, 90)
"""Days; the first is shown where none is asked for."""

MOST_REASONS, MOST_SAID = 30, 20


class Share(NamedTuple):
    """So many of so many, with the share and its 95 % interval; both empty where there are none."""

    part: str
    of: str
    share: str
    interval: str


class PersonRow(NamedTuple):
    """A reviewer: labels, golden decisions judged rightly, those that they left open, and second reviews that agreed."""

    name: str
    labels: str
    golden: Share
    undecided: int
    second: Share


class ReasonRow(NamedTuple):
    """A reason's code, empty where decisions had none, and the second reviews that agreed."""

    code: str
    second: Share


class SaidOfGolden(NamedTuple):
    """What a reviewer said of a golden decision; `is_right` is None where they left it open."""

    who: str
    verdict: VerdictKind
    is_right: bool | None


class GoldenRow(NamedTuple):
    """A golden decision with what was said of it."""

    decision_id: str
    is_fraud: bool
    added_by: str
    added_at: str
    said: tuple[SaidOfGolden, ...]


@dataclass(frozen=True, slots=True)
class QualityView:
    """What the page shows of the last `days`. `kappa` is empty where it says nothing. `is_cut`: the newest checks alone."""

    days: int
    periods: tuple[int, ...]
    people: tuple[PersonRow, ...]
    second: Share
    kappa: str
    kappa_interval: str
    reasons: tuple[ReasonRow, ...]
    golden: tuple[GoldenRow, ...]
    may_change: bool
    is_cut: bool
    most_listed: int = MOST_LISTED


@dataclass(frozen=True, slots=True)
class QualityReader:
    """Reads the checks."""

    quality: QualityService

    def view(self, days: str, *, may_change: bool) -> QualityView:
        """The view of one of the PERIODS. Raises NoStore, StoreUnavailable."""
        period = next((each for each in PERIODS if str(each) == days), PERIODS[0])
        work = self.quality.work(self.quality.now() - period * DAY_MS)
        seconds = second_reviews(work.judged)
        kappa = cohen_kappa([(each.expected == "fraud", each.verdict == "fraud") for each in seconds])
        return QualityView(
            period,
            PERIODS,
            person_rows(work),
            agreed(seconds),
            "" if kappa is None else f"{kappa.estimate:.2f}",
            "" if kappa is None else interval(kappa, lambda number: f"{number:.2f}"),
            reason_rows(seconds),
            tuple(golden_row(*each) for each in self.quality.golden()),
            may_change,
            len(work.judged) >= MOST_JUDGED,
        )


def second_reviews(judged: Iterable[Judged]) -> list[Judged]:
    """Those in which both people decided."""
    return [each for each in judged if each.kind == "second" and each.expected and is_decided(each)]


def is_decided(judged: Judged) -> bool:
    """Whether it was said to be one or the other."""
    return judged.verdict in ("fraud", "legitimate")


def person_rows(work: CheckedWork) -> tuple[PersonRow, ...]:
    """A row for everybody who did something, by name. A second review counts for both people."""
    seconds, golden = second_reviews(work.judged), [each for each in work.judged if each.kind == "golden"]
    own, pairs = defaultdict[str, list[Judged]](list), defaultdict[str, list[Judged]](list)
    for each in golden:
        own[each.who].append(each)
    for each in seconds:
        pairs[each.who].append(each)
        pairs[each.first_by].append(each)
    names = {each.who for each in work.judged} | pairs.keys()
    names |= {name for name, labels in work.labelled.items() if labels}
    return tuple(_person(name, work.labelled.get(name, 0), own[name], pairs[name]) for name in sorted(names))


def _person(name: str, labels: int, golden: Sequence[Judged], pairs: Sequence[Judged]) -> PersonRow:
    decided = [each for each in golden if is_decided(each)]
    shown = count(labels) + ("+" if labels >= MOST_LABELLED else "")
    return PersonRow(name, shown, agreed(decided), len(golden) - len(decided), agreed(pairs))


def reason_rows(seconds: Sequence[Judged]) -> tuple[ReasonRow, ...]:
    """The reasons with the most second reviews."""
    by_code: dict[str, list[Judged]] = {}
    for each in seconds:
        by_code.setdefault(each.reason, []).append(each)
    most = sorted(by_code.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_REASONS]
    return tuple(ReasonRow(code, agreed(pairs)) for code, pairs in most)


def golden_row(golden: GoldenDecision, said: Sequence[Judged]) -> GoldenRow:
    """A golden decision, and who judged it how; the last MOST_SAID of them."""
    judged = (
        SaidOfGolden(each.who, each.verdict, each.verdict == each.expected if is_decided(each) else None)
        for each in said
    )
    rows = tuple(judged)[-MOST_SAID:]
    return GoldenRow(golden.decision_id, golden.is_fraud, golden.added_by, moment(golden.added_at), rows)


def agreed(judged: Sequence[Judged]) -> Share:
    """How many verdicts are what was expected; the interval is Wilson's."""
    right = sum(each.verdict == each.expected for each in judged)
    estimate = share_estimate(right, len(judged))
    texts = ("", "") if estimate is None else (percent(estimate.estimate), interval(estimate, percent))
    return Share(count(right), count(len(judged)), *texts)


def interval(estimate: Estimate, text: Callable[[float], str]) -> str:
    """The ends of an interval."""
    return f"{text(estimate.lower)} to {text(estimate.upper)}"
