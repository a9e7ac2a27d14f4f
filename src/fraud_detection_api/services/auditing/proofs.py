"""Proofs that a decision is in the log: they need neither the store nor any other decision to check."""

from itertools import islice
from typing import NamedTuple

from pydantic import ConfigDict, TypeAdapter

from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.log import LogKey, SignedRoot, runs_of
from fraud_detection_api.decision.merkle import inclusion_path, leaf_hash, root_of_path
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import NotLogged, UnknownDecision
from fraud_detection_api.services.auditing.log_store import LogStore
from fraud_detection_api.services.deciding.recording import Recorder


class Proof(NamedTuple):
    """That decision `decision_id` had that `seal` when it became leaf `position` of the log with the signed `root`.

    `path` are the hashes from the leaf to the root.
    """

    decision_id: str
    seal: bytes
    position: int
    path: list[bytes]
    root: SignedRoot

    def holds(self, key: LogKey) -> bool:
        """Whether the root is signed with the key and includes the decision."""
        leaf = leaf_hash(b"decision" + uuid_bytes(self.decision_id) + self.seal)
        return key.is_signed(self.root) and (
            root_of_path(leaf, self.position, self.root.size, self.path) == self.root.root
        )

    def as_json(self) -> dict[str, object]:
        """The values of its JSON object, in which bytes are hex digits."""
        return {
            **self._asdict(),
            "seal": self.seal.hex(),
            "path": [each.hex() for each in self.path],
            "root": self.root.as_json(),
        }


_PROOF = TypeAdapter(Proof, config=ConfigDict(val_json_bytes="hex", strict=True))


def parsed_proof(text: bytes) -> Proof:
    """The proof of a JSON object that `as_json` describes. Raises ValueError."""
    return _PROOF.validate_json(text)


def difference(log: LogStore, row: StoredDecision | None, recorder: Recorder, proof: Proof) -> str | None:
    """What keeps the stored row from being what the proof is about; None if it is that, or that after its erasure."""
    if row is None:
        return "it is not stored any more; `fraud audit verify` says whether it was purged"
    if not recorder.is_intact(row):
        return "its row was changed since, or FRAUD_SEAL_KEY is not the server's"
    subject = uuid_bytes(proof.decision_id)
    with log.snapshot() as snapshot:
        runs = [*snapshot.runs_about(subject), *runs_of(snapshot.waiting(), 0)]
    seals = [seal for run in runs if run.kind == "erased" for other, seal in run.pairs() if other == subject]
    return None if row.seal in (proof.seal, *seals) else "its row has another seal than was logged"


def prove(log: LogStore, decision_id: str) -> Proof:
    """The proof for a decision, by the last signed root. Raises UnknownDecision, NotLogged where no root covers it yet."""
    try:
        subject = uuid_bytes(decision_id)
    except ValueError:
        raise UnknownDecision from None
    with log.snapshot() as snapshot:
        found = [
            (at, seal)
            for run in snapshot.runs_about(subject)
            if run.kind == "decision"
            for at, (other, seal) in enumerate(run.pairs(), run.position)
            if other == subject
        ]
        roots = snapshot.roots()
        if not found:
            raise UnknownDecision
        position, seal = found[-1]
        if not roots or roots[-1].size <= position:
            raise NotLogged(decision_id)
        leaves = (leaf for run in snapshot.runs() for leaf in run.leaves())
        path = inclusion_path(islice(leaves, roots[-1].size), position)
    return Proof(uuid_text(subject), seal, position, path, roots[-1])
