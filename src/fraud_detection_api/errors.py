"""The errors that a person can correct. Each carries data and one line that says what to do; none knows HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class FraudError(Exception):
    """The root of every expected failure. `str(error)` is one line: what is wrong and what to do, never a value sent.

    It may name the server's files and addresses where `neutral` is not empty. Callers who may not know them get `neutral`.
    """

    neutral = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # pickle would call the constructor with the message alone
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[FraudError], arguments: tuple[Any, ...], fields: Mapping[str, Any]) -> FraudError:
    """The error as it was in another process."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(fields)
    return error


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A bad field of a request: its JSON Pointer (RFC 6901), and a `detail` that continues the field's name."""

    pointer: str
    detail: str


def invalid_fields(problems: Sequence[FieldProblem]) -> str:
    """How many fields of a request are bad; one may have several problems."""
    count = len({problem.pointer for problem in problems})
    return f"{count} invalid field{'' if count == 1 else 's'}"


class InvalidSetting(FraudError):
    """A setting is unknown, or its value cannot be used."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name, self.detail = name, detail


class InvalidFile(FraudError):
    """A file cannot be used; each of `problems` says where, and what to change."""

    kind = ""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__(f"{self.kind}{source}: " + "; ".join(problems))
        self.source, self.problems = source, tuple(problems)


class InvalidContract(InvalidFile):
    """A contract cannot be used; `problems` gives each key and what to change."""

    kind = "contract "


class InvalidPolicy(InvalidFile):
    """A decision policy cannot be used; `problems` gives each key and what to change."""

    kind = "policy "


class InvalidDataset(InvalidFile):
    """A data file cannot be used; `problems` gives columns, counts and row numbers, never values."""


class FilesUnavailable(FraudError):
    """No file of a place can be read or written now: it does not answer, denies access, or is full.

    Work on the other files would fail as well, so it stops, and goes on later.
    """

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"{source}: {problem}")
        self.source, self.problem = source, problem


class MalformedBody(FraudError):
    """The request's body is not JSON."""


class InvalidFields(FraudError):
    """A request has invalid fields: `problems` has all of them, or the first ones if there are `more`."""

    undone = ""

    def __init__(self, problems: Sequence[FieldProblem], *, more: bool = False) -> None:
        found = invalid_fields(problems)
        if more:
            found = f"more than {len(problems)} problems, of which the first {len(problems)} are listed"
        super().__init__(f"{found}; nothing was {self.undone}")
        self.problems, self.more = tuple(problems), more


class InvalidRecords(InvalidFields):
    """The request's records break the contract."""

    undone = "scored"


class InvalidLabels(InvalidFields):
    """The request's labels are invalid."""

    undone = "recorded"


class InvalidEvents(InvalidFields):
    """The request's events break the contract."""

    undone = "recorded"


class InvalidHeader(FraudError):
    """A header of the request cannot be used."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"the header {name} {detail}")
        self.name = name


class UnsupportedMedia(FraudError):
    """The request's body is not uncompressed application/json."""


class BodyTooLarge(FraudError):
    """The request's body is longer than the limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body is larger than {limit_bytes} bytes")


class TooManyItems(FraudError):
    """The request has more items than the limit."""

    items = command = ""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} {self.items} in one request; split it, or use `{self.command}` for files")


class TooManyRecords(TooManyItems):
    """The request has more records than the limit."""

    items, command = "records", "fraud score"


class TooManyLabels(TooManyItems):
    """The request has more labels than the limit."""

    items, command = "labels", "fraud labels import"


class TooManyEvents(TooManyItems):
    """The request has more events than the limit."""

    items, command = "events", "fraud history load"


class BodyTooSlow(FraudError):
    """The request's body did not arrive in time."""

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__(f"the body did not arrive within {timeout_seconds:g} seconds")


class Overloaded(FraudError):
    """More requests are in flight than this process accepts."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"too many requests are in flight; try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class RateExceeded(FraudError):
    """The caller sends more than its limits permit.

    `quotas` has, for each rate: unit, rate a second, what is left, and the seconds until all of it is.
    """

    def __init__(self, retry_after_seconds: int, quotas: Sequence[tuple[str, float, int, int]]) -> None:
        super().__init__(f"this key's limit of requests or records is reached; try again in {retry_after_seconds} s")
        self.retry_after_seconds, self.quotas = retry_after_seconds, tuple(quotas)


class CallerGone(FraudError):
    """The caller closed the connection before its request was worked on."""

    def __init__(self) -> None:
        super().__init__("the connection closed before the work began; nothing was decided")


class HostNotAllowed(FraudError):
    """The request's Host is not a name of this server: a web page may have sent it there by DNS rebinding."""

    def __init__(self) -> None:
        super().__init__("this server does not answer to the host of the request; FRAUD_ALLOWED_HOSTS lists its names")


class ForeignOrigin(FraudError):
    """A page of another site asks for a change."""

    def __init__(self) -> None:
        super().__init__("a page of another origin may not send this; without keys, only this server's own pages may")


class Unauthenticated(FraudError):
    """The request has no key, or an unknown one."""


class Forbidden(FraudError):
    """The key's role does not permit the request."""


class UnknownModel(FraudError):
    """The registry has no such version."""

    def __init__(self, version: str) -> None:
        super().__init__("no model has that version; `fraud models list` lists the versions")
        self.version = version


class NoChampion(FraudError):
    """No version has been promoted yet, or there is none to roll back to."""


class NoChallenger(FraudError):
    """No version challenges the champion."""


class CorruptBundle(FraudError):
    """A model bundle is damaged, was changed, or does not reproduce its golden rows."""

    def __init__(self, source: str, detail: str) -> None:
        super().__init__(f"model bundle {source}: {detail}; train the model again, or restore it")
        self.source = source


class AliasMoved(FraudError):
    """The champion or challenger changed while another change of it was verified."""

    def __init__(self, alias: str) -> None:
        super().__init__(f"the {alias} changed in the meantime; check `fraud models history`, then try again")
        self.alias = alias


class ContractMismatch(FraudError):
    """Two contracts must be the same but differ."""


class InvalidChallenger(FraudError):
    """The model cannot challenge the champion, because it is the champion."""


class NoHistory(FraudError):
    """The contract has no history features, so nothing reads events."""

    def __init__(self, contract: str, *, remedy: str = "") -> None:
        super().__init__(f"the contract {contract!r} declares no history features (`[history]`){remedy}")


class GateRefused(FraudError):
    """A model did not pass the gate to promotion."""

    def __init__(self, verdict: str, reasons: Sequence[str] = (), *, remedy: str) -> None:
        self.verdict, self.reasons, self.remedy = verdict, tuple(reasons), remedy
        super().__init__(f"{verdict}{': ' if reasons else ''}{'; '.join(reasons)}. {remedy}")


class ModelNotReady(FraudError):
    """No verified model is loaded."""

    neutral = "no verified model is loaded; nothing was decided; try again later"


class Draining(FraudError):
    """The process is shutting down. It still answers, but new requests should go to another one."""

    def __init__(self) -> None:
        super().__init__("this server is shutting down; send requests to another one")


class RegistryUnavailable(FraudError):
    """The registry, a folder or an MLflow server, cannot be read or written."""

    neutral = "the model registry cannot be read or written now; try again later"


class StoreUnavailable(FraudError):
    """The decision store cannot be read or written now."""

    neutral = "the decision store cannot be read or written now; nothing was stored; try again later"


class CommitInDoubt(StoreUnavailable):
    """The store did not confirm a write in time, so what was sent may be stored or not. `decision_ids` can be looked up."""

    _remedy = "what was sent may have been stored: look it up, or send it again with the same Idempotency-Key"
    neutral = f"the decision store did not confirm in time; {_remedy}"

    def __init__(self, reason: str, decision_ids: Sequence[str] = ()) -> None:
        super().__init__(f"{reason}; {self._remedy}")
        self.reason, self.decision_ids = reason, tuple(decision_ids)


class DeadlinePassed(FraudError):
    """The request's deadline passed before decisions were made."""

    def __init__(self) -> None:
        super().__init__("the deadline passed before decisions were made; nothing was stored")


class StoreBusy(FraudError):
    """Too many decisions wait to be stored."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"the decision store is behind; try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class NoStore(FraudError):
    """This server has no decision store."""

    def __init__(self) -> None:
        super().__init__("no decisions are stored here: the store is `none` (FRAUD_STORE, --store)")


class BackupFailed(FraudError):
    """A backup cannot be made, or the file to restore is not a backup."""


class UnknownDecision(FraudError):
    """The store has no such decision."""

    def __init__(self) -> None:
        super().__init__("no decision with that id is stored")


class NotLogged(FraudError):
    """No signed root of the log covers the decision yet."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(
            f"no signed root covers {decision_id} yet: the observer of `fraud serve` signs one a minute, and so does "
            "`fraud audit export`"
        )


class InvalidEvidence(FraudError):
    """A file of roots or a proof cannot be read."""


class InvalidCursor(FraudError):
    """A cursor does not belong to the filters that were sent with it."""

    def __init__(self) -> None:
        super().__init__(
            "this cursor belongs to another query; send the filters that it came from, or no cursor to start again"
        )


class NothingToExport(FraudError):
    """No stored record can be exported; the counts say why records were left out."""

    def __init__(self, unlabelled: int, other_contract: int, erased: int, tampered: int, *, young: int = 0) -> None:
        super().__init__(
            f"nothing to export: of the decisions in that period, {young} are too young for their labels "
            f"(`label_delay_days` in the contract; --matured-days selects other days), {unlabelled} have no label (`fraud "
            f"labels import FILE` adds labels), {other_contract} were stored under another contract (--contract names it), "
            f"{erased} were erased, and {tampered} have a broken seal (FRAUD_SEAL_KEY must be the server's key)"
        )
        self.unlabelled, self.other_contract, self.erased = unlabelled, other_contract, erased
        self.tampered, self.young = tampered, young


class IdempotencyKeyReused(FraudError):
    """The idempotency key was used with another body before."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was used for another request before; use a new key for each request")


class TracesNotDelivered(FraudError):
    """The collector did not receive the spans of a trace."""


class MissingExtra(FraudError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the optional extra {extra!r}: pip install 'fraud-detection-api[{extra}]'")
        self.extra = extra
