"""The queue of decisions to review, as the service uses its store."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args

from fraud_detection_api.services.accounts.account_store import AuditLine

CaseKind = Literal["review", "appeal"]
"""`review`: the policy sent it to a person. `appeal`: somebody asked for another look."""

CheckKind = Literal["golden", "second"]
"""How a reviewer is checked, without being told: by a decision whose truth is known, or as the second person on a case."""

VerdictKind = Literal["fraud", "legitimate", "unsure", "escalate", "note", "release", "appeal"]
VERDICTS: tuple[VerdictKind, ...] = get_args(VerdictKind)

QueueOrder = Literal["loss", "age"]

CaseKey: TypeAlias = tuple[float, str]
"""Where a page begins: the weight of the case before it, and its decision's id."""

UNSURE_ESCALATES = 2
"""Once so many people are not sure, a lead decides."""


class Reviewer(NamedTuple):
    """A person who reviews; a lead decides escalated cases, too."""

    name: str
    is_lead: bool


class Case(NamedTuple):
    """A decision that waits for a person. Times are milliseconds since 1970.

    `expected_loss` is what approving it is expected to cost, in the policy's currency; None where that is not known.
    `weight` orders the queue. `reason` is the code of the strongest reason, empty without any. Whoever
    `leased_by` names has the case until `leased_until`. So many people were `unsure`. `first_by` gave the label that
    a second person is to confirm; empty for a first review. A golden decision looks like a case to whoever has to judge it.
    """

    decision_id: str
    kind: CaseKind
    opened_at: int
    expected_loss: float | None
    weight: float
    reason: str
    risk_score: int | None
    leased_by: str
    leased_until: int
    is_escalated: bool
    unsure: int
    first_by: str = ""
    is_golden: bool = False

    @property
    def check(self) -> CheckKind | None:
        """How the case checks a reviewer; None for a usual one. A second review that was escalated is a dispute."""
        if self.is_golden:
            return "golden"
        return "second" if self.first_by and not self.is_escalated else None

    def holder(self, now: int) -> str | None:
        """Who has the case at that time; None if it is free."""
        return self.leased_by if self.leased_until > now else None


class CaseFilter(NamedTuple):
    """Which cases, and their order: by expected loss, the largest first, or by age, the oldest decision first.

    `entities` are the forms in which an entity may be stored; none means every entity.
    """

    order: QueueOrder = "loss"
    is_escalated: bool = False
    reason: str | None = None
    entities: Sequence[str] = ()
    min_risk_score: int | None = None
    max_risk_score: int | None = None


class Length(NamedTuple):
    """How many cases wait, counted up to a limit, and since when the oldest does, in milliseconds since 1970."""

    cases: int
    oldest: int | None


class Act(NamedTuple):
    """What a reviewer says about a case, and when in milliseconds since 1970; `line` is its line in the audit trail.

    `asks_second`: if it is the first label of the case, another person is to confirm it.
    """

    decision_id: str
    verdict: VerdictKind
    reviewer: Reviewer
    note: str
    line: AuditLine
    asks_second: bool = False


class Verdict(NamedTuple):
    """What somebody said about a decision. The note of a label is the label's. A `check` is no label."""

    at: int
    who: str
    verdict: VerdictKind
    note: str
    check: CheckKind | None = None


class ReviewStore(Protocol):
    """Stores the queue beside the decisions. Any thread may call each method, which raises StoreUnavailable.

    The decision store opens a case with each decision that goes to review, and the label store closes it with a label, both
    in their own transactions. Times are milliseconds since 1970.
    """

    def page(self, where: CaseFilter, *, limit: int, after: CaseKey | None = None) -> list[Case]:
        """The first cases in the filter's order, or those after a key."""

    def length(self, *, is_escalated: bool, most: int) -> Length:
        """The length of the queue, counted up to `most`."""

    def find(self, decision_id: str) -> Case | None:
        """The open case of a decision."""

    def take_next(self, where: CaseFilter, reviewer: Reviewer, *, now: int, until: int) -> str | None:
        """Lease the first case that nobody else has and that the reviewer was not unsure about; None if there is none.

        No two reviewers get the same case, whatever they do at the same time.
        """

    def take_golden(self, reviewer: Reviewer, *, until: int) -> str | None:
        """Lease a golden decision that the reviewer has said nothing about and did not choose, the newest first.

        None if there is none, or while no other case waits, as it would be known for what it is.
        """

    def has_check(self, decision_id: str, reviewer: Reviewer) -> bool:
        """Whether the reviewer must not see what is known of the decision, as they are to judge it themselves."""

    def open(self, decision_id: str, reviewer: Reviewer | None, line: AuditLine, *, until: int) -> Case | None:
        """The open case, leased to the reviewer unless somebody else has it, and a line that somebody looked at it.

        Without a reviewer nothing is leased. A lead alone leases an escalated case.
        """

    def act(self, act: Act, *, until: int) -> None:
        """Record a verdict with its consequence and its line in one transaction, or nothing of it.

        Fraud and legitimate are labels and close the case. Unsure and release end the lease; escalate hands the case to
        leads, and so does a second person who is unsure. A note renews the lease until `until`.

        What is said of a golden decision has no consequence. A second review is no label: if it agrees with the first, the
        case closes, and otherwise a lead decides.

        Raises CaseClosed, CaseTaken, CaseEscalated, UnknownDecision.
        """

    def appeal(self, act: Act, loss: float | None) -> None:
        """Put a declined decision into the queue. Raises NotAppealable, UnknownDecision."""

    def verdicts(self, decision_id: str) -> list[Verdict]:
        """What people said about a decision, in order."""

    def labelled_since(self, who: str, since: int) -> int:
        """How many labels a person gave here since then."""

    def said_since(self, who: str, since: int) -> int:
        """How often a person said something here since then, whatever it was."""

    def save_filter(self, owner: str, name: str, query: str) -> None:
        """Save a query of the queue under a name, in place of one that the owner saved under it."""

    def remove_filter(self, owner: str, name: str) -> None:
        """Remove a saved query, if there is one."""

    def filters(self, owner: str) -> list[tuple[str, str]]:
        """Names and queries that the owner saved, by name."""

    def close(self) -> None:
        """Release connections."""
