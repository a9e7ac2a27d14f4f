"""Everything that can go wrong and is somebody's to mend. Carries data and one line that teaches; knows no HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass


class FraudError(Exception):
    """Root of every expected failure. `str(error)` is one line: what is wrong and what to do, never a value sent."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A bad field of a request: `pointer` is its JSON Pointer (RFC 6901), `detail` reads on after the field's name."""

    pointer: str
    detail: str


class InvalidSetting(FraudError):
    """A setting is unknown or has a value that cannot be used."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


class InvalidContract(FraudError):
    """A contract file cannot be used; `problems` names each key and its mend."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__(f"contract {source}: " + "; ".join(problems))
        self.source = source
        self.problems = tuple(problems)


class InvalidPolicy(FraudError):
    """A decision policy cannot be used; `problems` names each key and its mend."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__(f"policy {source}: " + "; ".join(problems))
        self.source = source
        self.problems = tuple(problems)


class InvalidDataset(FraudError):
    """A data file cannot be used; `problems` gives columns, counts and row numbers, never values."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__(f"{source}: " + "; ".join(problems))
        self.source = source
        self.problems = tuple(problems)


class MalformedBody(FraudError):
    """The request's body is not JSON."""


class InvalidRecords(FraudError):
    """The request's records break the contract; `problems` names every bad field, or where there are `more`, the first."""

    def __init__(self, problems: Sequence[FieldProblem], *, more: bool = False) -> None:
        super().__init__(f"{_found(len(problems), more=more)}; nothing was scored")
        self.problems = tuple(problems)


class InvalidLabels(FraudError):
    """A request's labels cannot be read; `problems` names every bad field, or where there are `more`, the first."""

    def __init__(self, problems: Sequence[FieldProblem], *, more: bool = False) -> None:
        super().__init__(f"{_found(len(problems), more=more)}; nothing was recorded")
        self.problems = tuple(problems)


def _found(count: int, *, more: bool) -> str:
    if more:
        return f"more than {count} fields did not pass; the first {count} are listed"
    return f"{count} field{'' if count == 1 else 's'} did not pass"


class InvalidHeader(FraudError):
    """A header of the request cannot be used."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"the header {name} {detail}")
        self.name = name


class UnsupportedMedia(FraudError):
    """The request's body is of a type or coding that is not read here."""


class BodyTooLarge(FraudError):
    """The request's body is longer than the limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body is larger than {limit_bytes} bytes; send fewer records in each request")


class TooManyRecords(FraudError):
    """The request holds more records than the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} records in one request; split it, or use `fraud score` for files")


class TooManyLabels(FraudError):
    """The request holds more labels than the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} labels in one request; split it, or use `fraud labels import` for files")


class BodyTooSlow(FraudError):
    """The request's body did not arrive in time."""

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__(f"the body did not arrive within {timeout_seconds:g} seconds")


class Overloaded(FraudError):
    """More requests are in flight than this process takes; come back after `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"too many requests are in flight; try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class Unauthenticated(FraudError):
    """No key, or a key that is not known."""


class Forbidden(FraudError):
    """A known key that may not do this."""


class UnknownModel(FraudError):
    """The registry holds no such version. A caller made `version` up, so the text leaves it out."""

    def __init__(self, version: str) -> None:
        super().__init__("no model of that version; `fraud models list` shows what there is")
        self.version = version


class NoChampion(FraudError):
    """No version has been promoted yet, or none to go back to."""


class CorruptBundle(FraudError):
    """A model bundle is damaged, was changed, or does not reproduce its golden rows."""

    def __init__(self, source: str, detail: str) -> None:
        super().__init__(f"model bundle {source}: {detail}; train or restore it anew")
        self.source = source


class AliasMoved(FraudError):
    """Somebody else changed the champion or the challenger while a change of it was being verified."""

    def __init__(self, alias: str) -> None:
        super().__init__(f"the {alias} was changed meanwhile: see `fraud models history`, then ask again")


class ContractMismatch(FraudError):
    """Two contracts that had to be the same are not."""


class InvalidChallenger(FraudError):
    """A model that cannot challenge the champion, for it is the champion."""


AROUND = 'force it with a reason: --force "why" ("force": true, "reason": "why")'
"""How a model goes around the gate."""


class GateRefused(FraudError):
    """A model did not pass the gate that stands before the champion's place; `reasons` say why, each a sentence."""

    def __init__(self, model: str, reasons: Sequence[str]) -> None:
        self.verdict, self.reasons = f"{model} did not pass the gate", tuple(reasons)
        self.mend = f"Let it challenge until it passes, or {AROUND}"
        super().__init__(f"{self.verdict}: {'; '.join(reasons)}. {self.mend}")


class ModelNotReady(FraudError):
    """There is no verified model to score with."""


class Draining(FraudError):
    """The process is about to end; it still answers, and others should be sent what comes."""

    def __init__(self) -> None:
        super().__init__("this server is about to end; send requests to another one")


class RegistryUnavailable(FraudError):
    """The registry, a folder or an MLflow server, cannot be read or written."""


class StoreUnavailable(FraudError):
    """The decision store cannot be read or written now."""


class StoreBusy(FraudError):
    """As many decisions wait to be kept as may wait; come back after `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"the decision store is behind; try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class NoStore(FraudError):
    """Decisions are not kept here."""

    def __init__(self) -> None:
        super().__init__("no decision is kept here: FRAUD_STORE is `none`")


class BackupFailed(FraudError):
    """A backup cannot be made, or what was to be restored is none."""


class UnknownDecision(FraudError):
    """The store holds no such decision. A caller made the id up, so the text leaves it out."""

    def __init__(self) -> None:
        super().__init__("no decision with that id is stored")


class InvalidCursor(FraudError):
    """A cursor does not belong to the filters that it came with."""

    def __init__(self) -> None:
        super().__init__("this cursor is of another list; send the filters that it came with, or none to begin anew")


class NothingToExport(FraudError):
    """No kept record has a label. Told are the counts of those that were left out."""

    def __init__(self, unlabelled: int, other_contract: int, erased: int, tampered: int) -> None:
        super().__init__(
            f"nothing to export: of the decisions in that time {unlabelled} have no label (`fraud labels import FILE` gives "
            f"them one), {other_contract} were kept under another contract (--contract names theirs), {erased} were erased, "
            f"and {tampered} have a broken seal (FRAUD_SEAL_KEY must be the server's)"
        )


class TooFewLabels(FraudError):
    """There are fewer labelled records, or fewer frauds among them, than are learned from."""

    def __init__(self, records: int, frauds: int, *, least_records: int, least_frauds: int) -> None:
        super().__init__(
            f"too little to learn from: {records:,} records of which {frauds:,} are frauds, and the least are "
            f"{least_records:,} and {least_frauds:,} (--min-records, --min-frauds); nothing was trained"
        )
        self.records, self.frauds = records, frauds


class IdempotencyKeyReused(FraudError):
    """The idempotency key came with another body before."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key came with another request before; make a new key for each request")


class StudyUnavailable(FraudError):
    """A tuning study's file cannot be used."""

    def __init__(self, source: str, detail: str) -> None:
        super().__init__(f"study {source}: {detail}")
        self.source = source


class TracesNotDelivered(FraudError):
    """Spans of traces did not reach their collector."""


class MissingExtra(FraudError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the optional extra {extra!r}: pip install 'fraud-detection-api[{extra}]'")
        self.extra = extra
