"""What people change: they promote, roll back, and start and end challenges; each with a reason, under their own name."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from fraud_detection_api.console.forms import Form
from fraud_detection_api.console.models.compared_view import ComparisonReader
from fraud_detection_api.console.models.registry_view import ChangeRow, RegistryReader, change_row
from fraud_detection_api.console.people import name_of
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.errors import AliasMoved
from fraud_detection_api.services.accounts.account_store import Deed
from fraud_detection_api.services.accounts.trail import Trail
from fraud_detection_api.services.models.aliases import (
    ANYWHERE,
    CHALLENGER,
    CHAMPION,
    LONGEST_TEXT,
    UNREADABLE,
    Action,
    Alias,
    one_line,
)
from fraud_detection_api.services.models.rollout import Form as HowToForce
from fraud_detection_api.services.models.rollout import Judged, Order, RolloutService

Change: TypeAlias = Literal["promote", "challenge", "end", "rollback"]
Problem: TypeAlias = Literal["", "reason", "long"]

PAGE = HowToForce(
    "a tick at “Promote it although the gate is not passed”", "`--allow-contract-change` on the command line"
)

_DEEDS: dict[Change, Deed] = {
    "promote": "promotion_ordered",
    "challenge": "challenge_ordered",
    "end": "challenge_end_ordered",
    "rollback": "rollback_ordered",
}


ACTIONS: dict[Change, Action] = {"promote": "promote", "challenge": "challenge", "end": "stop", "rollback": "rollback"}
"""What the history calls the changes."""


class ChangeView(NamedTuple):
    """The page before a change. `seen` is the champion that the change starts from, empty where there is none.

    `judged` is the gate's verdict on a promotion, None while it is measured. `rolled_back` is when
    the version was champion and last had to go. `problem` says what the form lacked.
    """

    change: Change
    version: str
    seen: str
    challenger: str
    judged: Judged | None = None
    rolled_back: ChangeRow | None = None
    reason: str = ""
    problem: Problem = ""

    @property
    def must_force(self) -> bool:
        """Whether the version would have to be promoted past the gate."""
        return self.judged is not None and self.judged.gate == "failed"

    @property
    def longest(self) -> int:
        """Characters of a reason."""
        return LONGEST_TEXT


@dataclass(frozen=True)
class Changes:
    """Does what the pages offer. `trail` is None without a store, where no page leads here."""

    registry: RegistryReader
    comparisons: ComparisonReader
    rollout: RolloutService
    trail: Trail | None

    def view(self, change: Change, version: str, *, patiently: bool = False) -> ChangeView:
        """The page before a change of a version, or of an alias.

        Raises UnknownModel, NoChampion, NoChallenger, RegistryUnavailable, and AliasMoved where there is nothing left to do.
        """
        champion, challenger = self._assigned(CHAMPION), self._assigned(CHALLENGER)
        version = self.rollout.previous() if change == "rollback" else self.registry.models.describe(version).version
        if change == "end" and version != challenger:
            raise AliasMoved(CHALLENGER)
        if change == "promote" and version == champion:
            raise AliasMoved(CHAMPION)
        judged = None
        if change == "promote":
            judged = self.comparisons.judged(version, champion, patiently=patiently)
        return ChangeView(change, version, champion, challenger, judged, self._rolled_back(version))

    def _rolled_back(self, version: str) -> ChangeRow | None:
        found = (each for each in self.rollout.history() if each.cause.action == "rollback" and each.before == version)
        return next(map(change_row, found), None)

    def refused(self, change: Change, version: str, form: Form) -> ChangeView | None:
        """The page again, where the form has no reason or a reason that is too long; None for a form that is complete."""
        reason = form.get("reason", "")
        problem: Problem = "reason" if not one_line(reason) else "long" if len(reason) > LONGEST_TEXT else ""
        if not problem:
            return None
        return self.view(change, version)._replace(reason=reason[:LONGEST_TEXT], problem=problem)

    def make(self, change: Change, version: str, form: Form, visitor: Visitor) -> str:
        """Make the change as the form asks for it, and return the version that it is about.

        The trail has it first: a change that the registry then refuses was asked for all the same. Raises AliasMoved where
        the champion is not the one that the page showed, and as the methods of `RolloutService`.
        """
        who = name_of(visitor)
        seen, shown = form.get("seen", ""), form.get("version", "")
        order = Order(who, one_line(form.get("reason", "")), form.get("force") == "yes", PAGE)
        version = shown if change == "rollback" else self.registry.models.describe(version).version
        moved = seen != self._assigned(CHAMPION) or (change == "promote" and version == seen)
        if moved or (change == "rollback" and version != self.rollout.previous()):
            raise AliasMoved(CHAMPION)
        if self.trail is not None:
            self.trail.note(who, _DEEDS[change], f"version {one_line(version, longest=50)}")
        made = self._made(change, version, order, seen)
        self.comparisons.measurements.forget()
        return made

    def _made(self, change: Change, version: str, order: Order, seen: str) -> str:
        if change == "promote":
            instead_of = ANYWHERE if seen == UNREADABLE else seen or None
            return self.rollout.promote(version, order, instead_of=instead_of)
        if change == "challenge":
            return self.rollout.challenge(version, order)
        if change == "end":
            return self.rollout.end_challenge(order, version=version)
        return self.rollout.rollback(order, to=version)

    def _assigned(self, alias: Alias) -> str:
        return self.registry.assigned(alias) or ""
