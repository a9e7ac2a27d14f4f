"""What the page Service shows, as values; and that no text of a model or a person becomes markup."""

from types import SimpleNamespace

import pytest

from fraud_detection_api.console.frame import SERVICE, render
from fraud_detection_api.console.views.service import ServiceReader, champion_view, outcome_rows
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.errors import ModelNotReady, RegistryUnavailable
from fraud_detection_api.services.accounts.account_store import Account
from fraud_detection_api.services.models.aliases import AliasChange, Cause
from fraud_detection_api.services.reporting.traffic import OutcomeCount, Today, Traffic
from support.fakes import InMemoryDecisionStore

NOW = 1_795_341_600_000
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"


def deployment(description="Cards of a bank.", name="cards", created_at="2026-11-22T10:00:00Z", history=()):
    contract = SimpleNamespace(
        name=name, description=description, features={"a": 1, "b": 2}, history=dict.fromkeys(history)
    )
    bundle = SimpleNamespace(digest="sha256:0123456789abcdef", created_at=created_at)
    return SimpleNamespace(
        champion=SimpleNamespace(version="7", bundle=bundle),
        contract=contract,
        policy=SimpleNamespace(version="3"),
    )


def change(after, *, alias="champion", reason="it finds more", by="admin mira", took_effect=True):
    return AliasChange(NOW, alias, "6", after, Cause("promote", by, reason), took_effect)


class Service:
    """Stands for the services that the page reads."""

    def __init__(self, current=None, changes=(), problem=None) -> None:
        self.champion, self._changes, self._problem = SimpleNamespace(current=current), changes, problem

    def require(self) -> str:
        if self._problem is not None:
            raise self._problem
        return "7"

    def history(self):
        if self._changes is None:
            raise RegistryUnavailable("the folder /srv/models cannot be read")
        return list(self._changes)

    def assigned(self, alias):
        return "8"


def view_of(store=None, **given):
    service = Service(**given)
    traffic = Traffic(store or InMemoryDecisionStore(), wall_clock=lambda: NOW / 1000)
    return ServiceReader(service, service, service, traffic, None).view()


def test_the_champion_is_shown_with_the_last_change_that_made_it():
    shown = champion_view(deployment(), [change("7", took_effect=False, reason="failed"), change("7"), change("6")])
    assert (shown.version, shown.digest, shown.made_at) == ("7", "0123456789ab", "2026-11-22 10:00 UTC")
    assert (shown.contract, shown.features, shown.policy) == ("cards", 2, "3")
    assert shown.promotion == ("2026-11-22 10:00 UTC", "admin mira", "it finds more")


def test_a_champion_of_unknown_origin_is_shown_without_it():
    shown = champion_view(deployment(created_at="<script>"), [change("6"), change("7", alias="challenger")])
    assert (shown.made_at, shown.promotion) == ("", None)


def test_decisions_of_today_are_counted_by_outcome_with_their_shares():
    rows = outcome_rows(Today(0, [OutcomeCount("approve", 3_000, False), OutcomeCount("review", 1_000, False)]))
    assert [tuple(row) for row in rows] == [("approve", "3,000", 0.75), ("review", "1,000", 0.25)]


def test_a_count_that_was_not_finished_has_a_plus_and_so_has_the_total():
    store = InMemoryDecisionStore()
    view = view_of(store)
    assert (view.total, [row.decisions for row in view.outcomes]) == ("0", ["0", "0", "0"])
    assert [row.decisions for row in outcome_rows(Today(0, [OutcomeCount("review", 9, True)]))] == ["9+"]


def test_without_decisions_nothing_is_claimed_of_the_history():
    assert view_of().history == "none"
    assert view_of(current=deployment(history=["n"])).history == "unused"


def test_a_registry_that_cannot_be_read_leaves_the_rest_of_the_page():
    view = view_of(current=deployment(), changes=None)
    assert not view.registry_is_read
    assert view.champion.promotion is None
    assert "/srv/models" not in render(SERVICE, visitor(), view).body.decode()


def test_a_server_that_is_not_ready_says_so_without_its_files():
    view = view_of(problem=ModelNotReady("the registry /srv/models has no champion"))
    assert view.problem == ModelNotReady.neutral
    assert view.champion is None


def visitor(name="mira"):
    return Visitor("signed_in", "", "secret", Account(name, "auditor", False, NOW))


@pytest.mark.parametrize("hostile", [HOSTILE, "' onmouseover='alert(1)", "</title><script>"])
def test_texts_of_contracts_models_and_people_are_text(hostile):
    model = deployment(name=hostile, description=hostile, created_at=hostile, history=["n"])
    model.champion.version = model.policy.version = hostile
    changes = [change(hostile, reason=hostile, by=hostile)]
    page = render(SERVICE, visitor(hostile), view_of(current=model, changes=changes)).body.decode()
    assert hostile not in page
    assert page.count("<script") == page.count('<script src="/console/static/keys-') == 1
    assert "<img src=x" not in page
    assert "49" not in page.partition("<main")[2].partition("</main>")[0].replace("249", "")
