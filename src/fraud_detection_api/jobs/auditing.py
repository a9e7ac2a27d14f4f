"""Verifying the log, exporting its roots, and proving that a decision is in it."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TypeVar

from fraud_detection_api.container.registry import build_registry, existing_registry
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import (
    build_clock,
    build_lock,
    build_log,
    build_root_file,
    build_sequencer,
    build_upkeep,
    build_verification,
    existing_stores,
    require_database,
    store_name,
)
from fraud_detection_api.container.workers import build_workers
from fraud_detection_api.decision.log import SignedRoot
from fraud_detection_api.errors import InvalidEvidence, StoreUnavailable
from fraud_detection_api.services.auditing.proofs import Proof, difference, parsed_proof, prove
from fraud_detection_api.services.auditing.replacements import enter_replacement
from fraud_detection_api.services.auditing.verification import Break, Verified, joined
from fraud_detection_api.services.history.ranges import replay_range
from fraud_detection_api.services.history.seals import SealCheck
from fraud_detection_api.services.models.contracts import require_models_of
from fraud_detection_api.services.observing.leadership import LOCK
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.settings import Settings

_REPLACING = "registry"

_Result = TypeVar("_Result")


def verified_store(
    settings: Settings,
    report: Callable[[float], None],
    *,
    copies: Sequence[SignedRoot] = (),
    with_registry: bool = True,
    with_file: bool = True,
) -> Verified:
    """Compare every decision with its seal, and the store, the registry's aliases and copies of roots with the log.

    Also checks the store's file, whose indexes may hide rows. A process for each core checks seals. Raises as
    `existing_stores` and `existing_registry`.
    """
    with closing(existing_stores(settings).decisions) as store:
        if with_registry:
            registry = existing_registry(settings.registry)
            require_models_of(registry, store.contract(), where=store_name(settings))
    problems = _in_thread(lambda: _problems(settings) if with_file else [])
    verification = build_verification(settings, existing_registry(settings.registry) if with_registry else None)
    walked = _in_thread(lambda: verification.verify(copies=copies))
    checked = replay_range(
        partial(open_seal_check, settings),
        DecisionFilter(),
        workers=build_workers(),
        on_progress=lambda share, _decisions: report(share),
    )
    verified, altered = walked.result(), [result.decision_id for result in checked.unsound]
    return verified._replace(
        breaks=joined([*verified.breaks, *verification.located(altered), *problems.result()]),
        altered=checked.unsound_count,
    )


def _problems(settings: Settings) -> list[Break]:
    with closing(build_upkeep(settings)) as upkeep:
        return [Break("file_damaged", problem) for problem in upkeep.problems()]


def _in_thread(call: Callable[[], _Result]) -> Future[_Result]:
    """What the call returns; Ctrl-C does not wait for it, as it would for a pool's thread."""
    result: Future[_Result] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:  # noqa: BLE001 the caller raises it
            result.set_exception(error)

    Thread(target=run, name="audit", daemon=True).start()
    return result


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
    copies = build_root_file(file)
    known = set(copies.read()) if file.is_file() else set()  # a restored store has other roots of the same sizes
    missing = [root for root in roots if root not in known]
    copies.append(missing)
    return len(missing), roots[-1].size if roots else 0


def accept_registry(settings: Settings) -> int:
    """Enter into the log that the registry was replaced; returns how many changes of aliases it has.

    Raises RegistryUnavailable, InvalidEvidence for a key that is not the log's, and as `existing_stores`.
    """
    existing_stores(settings).decisions.close()
    changes = existing_registry(settings.registry).audit()
    database = require_database(settings)
    with build_lock(database).held(_REPLACING) as is_alone:
        if not is_alone:
            raise StoreUnavailable("another process is entering that the registry was replaced")
        now = max(0, int(build_clock(database)() * 1000))
        try:
            enter_replacement(build_log(settings), build_recorder(settings).log_key, now)
        except InvalidEvidence as error:
            if settings.seal_key or settings.seal_key_file:
                raise
            raise InvalidEvidence("FRAUD_SEAL_KEY is not set; the log's roots were signed with a key") from error
    return len(changes)


def proof_of(settings: Settings, decision_id: str) -> tuple[Proof, str | None]:
    """The proof that a decision is in the log, and what keeps its stored row from being what was logged, if anything does.

    Raises UnknownDecision, NotLogged, and as `existing_stores`.
    """
    log = build_log(settings)
    with closing(existing_stores(settings).decisions) as store:
        proof = prove(log, decision_id)
        row = next(iter(store.find_each([proof.decision_id])), None)
    return proof, difference(log, row, build_recorder(settings), proof)


def proof_holds(settings: Settings, file: Path) -> bool:
    """Whether the proof in the file holds. Raises InvalidEvidence."""
    try:
        return parsed_proof(file.read_bytes()).holds(build_recorder(settings).log_key)
    except OSError as error:
        raise InvalidEvidence(f"{file} cannot be read: {error.strerror}") from error
    except ValueError:
        raise InvalidEvidence(f"{file}: not a proof that `fraud audit prove` wrote") from None
