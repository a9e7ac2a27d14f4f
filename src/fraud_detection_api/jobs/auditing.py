"""Verifying the log, exporting its roots, and proving that a decision is in it."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pydantic_core import to_json

from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import (
    build_lock,
    build_log,
    build_sequencer,
    build_verification,
    existing_stores,
    require_database,
)
from fraud_detection_api.decision.log import SignedRoot, signed_root
from fraud_detection_api.errors import InvalidEvidence
from fraud_detection_api.services.auditing.proofs import Proof, parsed_proof, prove
from fraud_detection_api.services.auditing.verification import Verified
from fraud_detection_api.services.history.ranges import replay_range
from fraud_detection_api.services.history.seals import SealCheck
from fraud_detection_api.services.observing.leadership import LOCK
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.settings import Settings


def verified_store(
    settings: Settings,
    report: Callable[[float], None],
    *,
    copies: Sequence[SignedRoot] = (),
    with_registry: bool = True,
) -> Verified:
    """Compare every decision with its seal, and the store, the registry's aliases and copies of roots with the log.

    A process for each core checks seals. Raises as `existing_stores` and `build_registry`.
    """
    existing_stores(settings).decisions.close()
    registry = build_registry(settings.registry) if with_registry else None
    checked = replay_range(
        partial(open_seal_check, settings),
        DecisionFilter(),
        jobs=os.cpu_count() or 1,
        on_progress=lambda share, _decisions: report(share / 2),
    )
    return build_verification(settings, registry).verify(
        altered=[result.decision_id for result in checked.unsound],
        copies=copies,
        report=lambda share: report((1 + share) / 2),
    )


def open_seal_check(settings: Settings) -> tuple[DecisionStore, SealCheck]:
    """What a process works with that checks seals. Raises as `existing_stores`."""
    return existing_stores(settings).decisions, SealCheck(build_recorder(settings))


def export_roots(settings: Settings, file: Path) -> tuple[int, int]:
    """Append signed roots that the file lacks; returns how many, and the leaves of the last.

    Signs what is in the log now, unless an observer runs, which signs once a minute. Raises InvalidEvidence, and as
    `existing_stores`.
    """
    existing_stores(settings).decisions.close()
    with build_lock(require_database(settings)).held(LOCK) as is_alone:
        if is_alone:
            sequencer = build_sequencer(settings, build_registry(settings.registry))
            sequencer.begin()
            while sequencer.sequence():
                pass
            sequencer.sign()
    with build_log(settings).snapshot() as snapshot:
        roots = snapshot.roots()
    known = {root.size for root in copied_roots(file)} if file.exists() else set()
    missing = [root for root in roots if root.size not in known]
    append_roots(file, missing)
    return len(missing), roots[-1].size if roots else 0


def append_roots(file: Path, roots: Sequence[SignedRoot]) -> None:
    """Append roots to a file, durably. Raises InvalidEvidence."""
    lines = b"".join(to_json(root.as_json()) + b"\n" for root in roots)
    try:
        with file.open("ab") as opened:
            opened.write(lines)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise InvalidEvidence(f"{file} cannot be written: {error.strerror}") from error


def copied_roots(file: Path) -> list[SignedRoot]:
    """The roots in a file. Raises InvalidEvidence."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise InvalidEvidence(f"{file} cannot be read: {error.strerror}") from error
    roots = []
    for number, line in enumerate(lines, 1):
        try:
            roots.append(signed_root(line))
        except ValueError:
            raise InvalidEvidence(f"{file}, line {number}: not a root that `fraud audit export` wrote") from None
    return roots


def proof_of(settings: Settings, decision_id: str) -> Proof:
    """The proof that a decision is in the log. Raises UnknownDecision, NotLogged, and as `existing_stores`."""
    existing_stores(settings).decisions.close()
    return prove(build_log(settings), decision_id)


def proof_holds(settings: Settings, file: Path) -> bool:
    """Whether the proof in the file holds. Raises InvalidEvidence."""
    try:
        return parsed_proof(file.read_bytes()).holds(build_recorder(settings).log_key)
    except OSError as error:
        raise InvalidEvidence(f"{file} cannot be read: {error.strerror}") from error
    except ValueError:
        raise InvalidEvidence(f"{file}: not a proof that `fraud audit prove` wrote") from None
