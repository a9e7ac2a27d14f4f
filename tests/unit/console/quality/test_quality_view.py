"""What the page Quality shows, as values, against figures that were computed by hand."""

from types import SimpleNamespace

import pytest

from fraud_detection_api.console.frame import QUALITY_PAGE, render
from fraud_detection_api.console.quality.view import PersonRow, QualityReader, ReasonRow, SaidOfGolden, Share
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.services.reviewing.quality import CheckedWork
from fraud_detection_api.services.reviewing.quality_store import GoldenDecision, Judged
from fraud_detection_api.statistics.agreement import cohen_kappa
from support.kept import decision_id

NOW, DAY_MS = 1_795_341_600_000, 86_400_000
NOTHING = Share("0", "0", "", "")


def second(first, then, *, who="omar", first_by="mira", reason="A"):
    return Judged(NOW, decision_id(1), who, then, "second", first, first_by, reason)


def golden(who, verdict, truth="fraud"):
    return Judged(NOW, decision_id(2), who, verdict, "golden", truth, "", "A")


def view(judged=(), labelled=None, chosen=(), days="", may_change=True):
    asked = []

    def work(since):
        asked.append((NOW - since) // DAY_MS)
        return CheckedWork(list(judged), labelled or {})

    service = SimpleNamespace(now=lambda: NOW, work=work, golden=lambda: list(chosen))
    found = QualityReader(service).view(days, may_change=may_change)
    assert asked == [found.days]
    return found


def test_agreement_and_kappa_are_those_of_the_pairs():
    # 45 of 50 agree, by chance 0.5: kappa (0.9 - 0.5) / 0.5
    pairs = [second("fraud", "fraud")] * 20 + [second("legitimate", "legitimate")] * 25
    pairs += [second("fraud", "legitimate")] * 5
    found = view(pairs)
    assert found.second == Share("45", "50", "90.0 %", "78.6 % to 95.7 %")
    assert (found.kappa, found.kappa_interval) == ("0.80", "0.57 to 0.91")


@pytest.mark.parametrize("judged", [[], [second("fraud", "fraud")] * 9, [second("fraud", "unsure")]])
def test_kappa_is_left_out_where_chance_alone_would_agree(judged):
    assert view(judged).kappa == ""


def test_kappa_is_one_or_minus_one_at_the_ends_and_its_interval_has_a_width():
    contradicting = cohen_kappa([(True, False), (False, True)])
    assert (contradicting.estimate, contradicting.lower) == (-1.0, -1.0)
    assert -1.0 < contradicting.upper < 1.0
    alike = cohen_kappa([(True, True), (False, False)])
    assert (alike.estimate, alike.upper) == (1.0, 1.0)
    assert -1.0 < alike.lower < 1.0


def test_a_second_review_counts_for_both_and_a_golden_decision_for_one():
    found = view(
        [
            golden("mira", "fraud"),
            golden("mira", "legitimate"),
            golden("mira", "unsure"),
            second("fraud", "fraud"),
            second("fraud", "legitimate", who="nora", reason=""),
        ],
        {"mira": 1_200, "gone": 0, "busy": 5_000},
    )
    half = Share("1", "2", "50.0 %", "9.5 % to 90.5 %")
    one, none = Share("1", "1", "100 %", "20.7 % to 100 %"), Share("0", "1", "0 %", "0 % to 79.3 %")
    assert found.people == (
        PersonRow("busy", "5,000+", NOTHING, 0, NOTHING),
        PersonRow("mira", "1,200", half, 1, half),
        PersonRow("nora", "0", NOTHING, 0, none),
        PersonRow("omar", "0", NOTHING, 0, one),
    )
    assert found.reasons == (ReasonRow("", none), ReasonRow("A", one))


def test_golden_decisions_are_listed_with_who_judged_them_how():
    chosen = GoldenDecision(decision_id(2), is_fraud=True, expected_loss=None, added_by="lena", added_at=NOW)
    [row] = view(chosen=[(chosen, [golden("mira", "legitimate"), golden("omar", "escalate")])]).golden
    assert (row.is_fraud, row.added_by, row.added_at) == (True, "lena", "2026-11-22 10:00 UTC")
    assert row.said == (SaidOfGolden("mira", "legitimate", False), SaidOfGolden("omar", "escalate", None))


@pytest.mark.parametrize(("asked", "days"), [("", 30), ("90", 90), ("30", 30), ("9999999", 30), ("<b>", 30)])
def test_the_period_is_one_of_two(asked, days):
    assert view(days=asked).days == days


def test_names_are_text_and_only_who_may_has_buttons():
    hostile = "<script>alert(1)</script>"
    chosen = GoldenDecision(decision_id(2), is_fraud=False, expected_loss=None, added_by=hostile, added_at=NOW)
    judged = [second("fraud", "fraud", who=hostile, reason=hostile)]
    for may_change in (True, False):
        shown = view(judged, {hostile: 1}, [(chosen, [golden(hostile, "fraud")])], may_change=may_change)
        page = render(QUALITY_PAGE, Visitor("open", "", "secret"), shown).body.decode()
        assert "<script>alert" not in page
        assert ('name="stop"' in page) == may_change
