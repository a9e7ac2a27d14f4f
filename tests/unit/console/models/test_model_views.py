"""What the pages of models show, as values; and that no text of a model, a person or a contract becomes markup."""

import json
from types import SimpleNamespace

import pytest

from fraud_detection_api.console.figures.measuring import Measurements
from fraud_detection_api.console.frame import MODELS_PAGE, render
from fraud_detection_api.console.models.cards import metric_rows, records_text
from fraud_detection_api.console.models.changing import Changes
from fraud_detection_api.console.models.compared_view import ComparisonReader, compared_view, learned_from
from fraud_detection_api.console.models.model_view import ModelReader
from fraud_detection_api.console.models.pages import COMPARISON, MODEL
from fraud_detection_api.console.models.registry_view import FRESH_SECONDS, MOST_VERSIONS, RegistryReader
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.contract.times import epoch_milliseconds, parse_time
from fraud_detection_api.errors import AliasMoved, GateRefused, StoreUnavailable, UnknownModel
from fraud_detection_api.metrics.catalogue import MODEL_INFO, SHADOW_RECORDS
from fraud_detection_api.metrics.sharing import SharedMetrics
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.accounts.account_store import Account
from fraud_detection_api.services.accounts.trail import NOBODY
from fraud_detection_api.services.models.aliases import Cause
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.rollout import RolloutService
from support.builders import credit_files, other_credit_files
from support.monitored import NOW_MS, challenger, champion
from unit.services.reporting.test_monitoring import matured

VISITOR = Visitor("signed_in", "", "secret", Account("ada", "admin", False, NOW_MS))
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


class Steps:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Pages:
    """The readers on a registry, and the trail that they write."""

    def __init__(self, registry, gate=None) -> None:
        self.models, self.clock, self.tallies = ModelService(registry), Steps(), Tallies()
        self.rollout = RolloutService(registry, gate=gate)
        self.registry = RegistryReader(self.models, self.rollout, SharedMetrics(self.tallies), self.clock)
        follower = SimpleNamespace(require=lambda: SimpleNamespace(champion=self.models.load("champion")))
        self.comparisons = ComparisonReader(
            follower, self.models, self.rollout, matured().comparisons(), Measurements()
        )
        self.trail = []
        noted = SimpleNamespace(note=lambda *line: self.trail.append(line))
        self.changes = Changes(self.registry, self.comparisons, self.rollout, noted)


@pytest.fixture
def pages(registry):
    """Version 1 is champion, version 2 waits."""
    registry.register(other_credit_files())
    return Pages(registry)


def test_the_registry_is_shown_with_its_aliases_newest_version_first(pages, registry):
    registry.assign("challenger", "2", Cause("challenge", "mira", "newer records"))
    view = pages.registry.view(may_change=True)
    assert [(row.version, row.aliases) for row in view.versions] == [("2", ("challenger",)), ("1", ("champion",))]
    assert (view.champion.version, view.challenger.version, view.previous) == ("1", "2", None)
    assert view.versions[0].trained_on.startswith("3,000 records, ")
    assert next((row.alias, row.after, row.by, row.reason) for row in view.changes) == (
        "challenger",
        "2",
        "mira",
        "newer records",
    )


def test_the_page_says_which_version_each_process_serves_and_what_the_challenger_scored(pages, registry):
    registry.assign("challenger", "2")
    pages.tallies.gauge(MODEL_INFO, "7", "sha256:0").set(1)
    pages.tallies.counter(SHADOW_RECORDS, "2").add(12)
    view = pages.registry.view(may_change=False)
    assert [(each.version, len(each.processes)) for each in view.serving] == [("7", 1)]
    assert view.follows
    assert view.shadow.scored == 12


def test_of_many_versions_the_newest_are_shown_and_the_page_says_so(pages, registry):
    for _ in range(MOST_VERSIONS):
        registry.register(credit_files())
    view = pages.registry.view(may_change=False)
    assert (len(view.versions), view.has_more_versions) == (MOST_VERSIONS, True)
    assert view.champion.version == "1"


def test_a_damaged_version_hides_no_other_and_is_read_again_after_a_while(pages, registry):
    bundle = registry._bundles["2"]
    card = bundle.pop("card.json")
    assert "files are missing" in pages.registry.view(may_change=False).versions[0].problem
    bundle["card.json"] = card
    assert pages.registry.view(may_change=False).versions[0].problem
    pages.clock.now = FRESH_SECONDS
    assert not pages.registry.view(may_change=False).versions[0].problem


def test_a_model_is_shown_with_intervals_and_its_baseline(pages):
    view = ModelReader(pages.registry).view("champion", may_change=False)
    assert (view.version, view.is_champion, view.contract) == ("1", True, "credit")
    roc_auc = view.metrics[0]
    low, high = map(float, roc_auc.interval.split(" to "))
    assert roc_auc.name == "ROC AUC"
    assert low < float(roc_auc.value) < high
    assert view.baseline.rows[0].name == "ROC AUC"


def test_the_champion_of_that_time_stands_beside_a_model(pages, registry):
    manifest = json.loads(registry._bundles["2"]["manifest.json"])
    beside = {
        "version": "1",
        "records": 600,
        "model": {"roc_auc": 0.9},
        "other": {"roc_auc": 0.8},
        "differences": {"roc_auc": {"difference": 0.1, "low": 0.05, "high": 0.15}},
    }
    manifest["circumstances"] = {"by": "mira", "source": "/home/mira/later.csv", "champion": beside}
    registry._bundles["2"]["manifest.json"] = json.dumps(manifest).encode()
    view = ModelReader(pages.registry).view("2", may_change=False)
    assert (view.by, view.source, view.champion.version) == ("mira", "later.csv", "1")
    assert view.champion.rows == (("ROC AUC", "0.9000", "0.8000", "+0.1000", "+0.0500 to +0.1500"),)


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"data": [], "evaluation": {"metrics": 7}, "purpose": ["x"]},
        {"data": {"rows": "many", "period": "x"}, "evaluation": {"metrics": {"roc_auc": {"value": True}, "x": None}}},
        {"data": {"rows": float("inf")}, "evaluation": None},
    ],
)
def test_a_card_of_another_shape_shows_nothing_and_fails_nothing(card):
    assert (metric_rows(card), records_text(card)) == ((), "")


def test_a_comparison_has_every_requirement_with_what_was_found():
    view = compared_view(matured().comparisons().compare(champion(), challenger()))
    assert [each.check for each in view.requirements] == ["traffic", "ranking", "calibration", "cost", "latency"]
    assert view.passed == all(not each.reasons for each in view.requirements)
    assert all(each.found for each in view.requirements)
    assert view.measures[0].name == "ROC AUC"
    assert view.measures[0].difference_interval
    plain = [row for row in view.measures if row.difference and not row.difference_interval]
    assert plain
    assert all(float(row.difference) == pytest.approx(float(row.challenger) - float(row.champion)) for row in plain)
    assert [was for was, _ in view.swaps] == ["approve", "review", "decline"]


@pytest.mark.parametrize(("later_ms", "learned"), [(1, "none"), (0, "some")])
def test_a_comparison_says_whether_the_challenger_knew_the_decisions(later_ms, learned):
    card = {"data": {"period": ["2026-01-01T00:00:00+00:00", "2026-03-01T12:00:00+00:00"]}}
    newest = epoch_milliseconds(parse_time("2026-03-01T12:00:00Z"))
    assert learned_from(card, newest + later_ms) == (learned, "2026-03-01")
    assert learned_from({"data": {"period": None}}, newest) == learned_from(card, None) == ("unknown", "")


def test_a_comparison_is_of_decisions_since_the_first_challenge(pages, registry):
    registry.assign("challenger", "2")
    begun = registry.audit()[-1].at
    pages.rollout.end_challenge()
    registry.assign("challenger", "2")
    page = pages.comparisons.page("2", patiently=True)
    assert page.compared.begun == moment(begun)


def test_each_measure_of_a_comparison_opens_to_what_it_means():
    view = compared_view(matured().comparisons().compare(champion(), challenger()))
    body = render(COMPARISON, VISITOR, SimpleNamespace(version="2", compared=view)).body.decode()
    assert body.count("<summary>") == len(view.measures) > 5
    assert "http-equiv" not in body


def test_a_page_that_waits_for_a_comparison_asks_again_by_itself():
    body = render(COMPARISON, VISITOR, SimpleNamespace(version="2", compared=None)).body.decode()
    assert body.count('<meta http-equiv="refresh" content="2">') == 1


def test_an_unknown_version_is_an_error(pages):
    with pytest.raises(UnknownModel):
        pages.comparisons.page("99", patiently=True)
    with pytest.raises(UnknownModel):
        ModelReader(pages.registry).view("99", may_change=False)


class Refuses:
    def verdict(self, champion, challenger):
        return SimpleNamespace(passed=False, reasons=("too few frauds",), evidence=("7 decisions",))


def form(**fields):
    return {"reason": "it finds more", "seen": "1", "version": "2", **fields}


def test_before_a_promotion_the_page_has_the_gates_verdict(registry):
    registry.register(other_credit_files())
    view = Pages(registry, Refuses()).changes.view("promote", "2", patiently=True)
    assert (view.version, view.seen, view.judged.gate, view.must_force) == ("2", "1", "failed", True)
    assert view.judged.reasons == ("too few frauds", "7 decisions")
    assert registry.assigned("champion") == "1"


def test_a_promotion_is_under_the_persons_name_with_their_reason(pages, registry):
    assert pages.changes.make("promote", "2", form(reason=" it\nfinds  more "), VISITOR) == "2"
    change = registry.audit()[-1]
    assert (change.after, change.cause.by, change.cause.reason) == ("2", "ada", "it finds more")
    assert pages.trail == [("ada", "promotion_ordered", "version 2")]


def test_on_an_open_console_nobody_is_named(pages, registry):
    pages.changes.make("challenge", "2", form(), Visitor("open", "", "secret"))
    assert registry.audit()[-1].cause.by == NOBODY == pages.trail[0][0]


def test_past_the_gate_a_promotion_must_be_forced(registry):
    registry.register(other_credit_files())
    pages = Pages(registry, Refuses())
    with pytest.raises(GateRefused, match="Promote it although"):
        pages.changes.make("promote", "2", form(), VISITOR)
    assert pages.trail == [("ada", "promotion_ordered", "version 2")]
    pages.changes.make("promote", "2", form(force="yes"), VISITOR)
    assert (registry.assigned("champion"), registry.audit()[-1].cause.forced) == ("2", True)


def test_a_rollback_goes_back_to_the_version_that_the_page_showed(pages, registry):
    registry.assign("champion", "2")
    view = pages.changes.view("rollback", "whatever")
    assert (view.version, view.seen) == ("1", "2")
    assert pages.changes.make("rollback", "1", form(seen="2", version="1"), VISITOR) == "1"
    assert registry.assigned("champion") == "1"


@pytest.mark.parametrize("change", ["promote", "challenge", "rollback"])
def test_a_champion_that_moved_since_the_page_was_made_stops_the_change_before_the_trail(pages, registry, change):
    registry.assign("champion", "2")
    with pytest.raises(AliasMoved):
        pages.changes.make(change, "2", form(version="1"), VISITOR)
    assert (registry.assigned("champion"), pages.trail) == ("2", [])


def test_a_challenge_ends_under_a_name(pages, registry):
    registry.assign("challenger", "2")
    pages.changes.make("end", "2", form(), VISITOR)
    assert (registry.assigned("challenger"), registry.audit()[-1].cause.by) == (None, "ada")
    with pytest.raises(AliasMoved):
        pages.changes.view("end", "2")


def test_what_the_trail_cannot_have_is_not_done(pages, registry):
    def away(*_line):
        raise StoreUnavailable("it is away")

    changes = Changes(pages.registry, pages.comparisons, pages.rollout, SimpleNamespace(note=away))
    with pytest.raises(StoreUnavailable):
        changes.make("promote", "2", form(), VISITOR)
    assert registry.assigned("champion") == "1"


@pytest.mark.parametrize(("reason", "problem"), [("", "reason"), (" \n ", "reason"), ("x" * 501, "long")])
def test_a_reason_is_required_and_not_too_long(pages, reason, problem):
    again = pages.changes.refused("challenge", "2", form(reason=reason))
    assert again.problem == problem
    assert pages.changes.refused("challenge", "2", form()) is None


def test_texts_of_people_and_models_are_text(pages, registry):
    registry.assign("challenger", "2", Cause("challenge", HOSTILE, HOSTILE))
    manifest = json.loads(registry._bundles["2"]["manifest.json"])
    manifest["circumstances"] = {"by": HOSTILE, "source": HOSTILE}
    registry._bundles["2"]["manifest.json"] = json.dumps(manifest).encode()
    shown = [
        render(MODELS_PAGE, VISITOR, pages.registry.view(may_change=True)),
        render(MODEL, VISITOR, ModelReader(pages.registry).view("2", may_change=True)),
        render(COMPARISON, VISITOR, SimpleNamespace(version=HOSTILE, compared=None)),
    ]
    for answer in shown:
        assert "&lt;script" in answer.body.decode() or "%3Cscript" in answer.body.decode()
        assert "<script>" not in answer.body.decode()
        assert "<img src=x" not in answer.body.decode()


def test_the_champion_is_not_promoted_again(pages):
    with pytest.raises(AliasMoved):
        pages.changes.view("promote", "champion")
    with pytest.raises(AliasMoved):
        pages.changes.make("promote", "1", form(version="1"), VISITOR)
    assert pages.trail == []
