"""The log of a store: what was committed, in order. A leaf says which subject, and the seal that its row had then."""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Literal, NamedTuple

from pydantic import ConfigDict, TypeAdapter
from pydantic_core import to_json

from fraud_detection_api.decision.merkle import Tree, leaf_hash
from fraud_detection_api.decision.row_format import SEAL_BYTES, seal

Kind = Literal["decision", "event", "label", "erased", "purged", "alias", "registry", "forged"]
"""A decision, an event or a label was stored, a decision or event was erased (and has another seal) or removed, an alias
was moved, the registry was replaced.

A "forged" entry came into the queue by other hands: no leaves can be made of it. Its subject is its number.
"""

SUBJECT_BYTES = 16
"""A decision's or event's id; of an alias, the number of its change."""

LEAVES_A_RUN = 1_000

UNSEALED = bytes(SEAL_BYTES)
"""The seal of a label that an earlier release stored."""

_REMOVED = b"\1"
"""The version of a tombstone's seal."""


class Run(NamedTuple):
    """Leaves of one kind that follow each other: 16 bytes of `subjects` and 17 of `seals` each, the first at `position`."""

    position: int
    kind: Kind
    subjects: bytes
    seals: bytes

    @property
    def end(self) -> int:
        """The position after the last leaf."""
        return self.position + len(self.subjects) // SUBJECT_BYTES

    def part(self, first: int, end: int) -> "Run":
        """Its leaves from position `first` to before `end`."""
        begin, stop = max(first - self.position, 0), max(end - self.position, 0)
        return Run(
            self.position + begin,
            self.kind,
            self.subjects[begin * SUBJECT_BYTES : stop * SUBJECT_BYTES],
            self.seals[begin * SEAL_BYTES : stop * SEAL_BYTES],
        )

    def each_subject(self) -> list[bytes]:
        """Each leaf's subject."""
        return [self.subjects[at : at + SUBJECT_BYTES] for at in range(0, len(self.subjects), SUBJECT_BYTES)]

    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Each leaf's subject and seal."""
        subjects, seals = self.subjects, self.seals
        return [
            (subjects[n * SUBJECT_BYTES : (n + 1) * SUBJECT_BYTES], seals[n * SEAL_BYTES : (n + 1) * SEAL_BYTES])
            for n in range(len(subjects) // SUBJECT_BYTES)
        ]

    def leaves(self) -> list[bytes]:
        """Each leaf's hash."""
        kind = self.kind.encode()
        return [leaf_hash(kind + subject + own) for subject, own in self.pairs()]


class Waiting(NamedTuple):
    """Leaves that were committed together and have no position yet. `entry` is their number in the queue."""

    entry: int
    kind: Kind
    subjects: bytes
    seals: bytes

    def as_leaves(self) -> "Waiting":
        """Itself, or one leaf of the kind "forged" where it has no whole leaves, so that others stay as they are."""
        leaves = len(self.subjects) // SUBJECT_BYTES
        if leaves and (len(self.subjects), len(self.seals)) == (leaves * SUBJECT_BYTES, leaves * SEAL_BYTES):
            return self
        content = self.kind.encode() + self.subjects + self.seals
        return Waiting(
            self.entry,
            "forged",
            self.entry.to_bytes(SUBJECT_BYTES, "big", signed=True),
            leaf_hash(content)[:SEAL_BYTES],
        )


def runs_of(waiting: Iterable[Waiting], position: int) -> Iterator[Run]:
    """The leaves in order, from `position` on, in runs of LEAVES_A_RUN at most."""
    for kind, some in groupby((each.as_leaves() for each in waiting), key=attrgetter("kind")):
        together = list(some)
        subjects, seals = (b"".join(getattr(each, name) for each in together) for name in ("subjects", "seals"))
        for first in range(0, len(subjects) // SUBJECT_BYTES, LEAVES_A_RUN):
            last = first + LEAVES_A_RUN
            run = Run(
                position,
                kind,
                subjects[first * SUBJECT_BYTES : last * SUBJECT_BYTES],
                seals[first * SEAL_BYTES : last * SEAL_BYTES],
            )
            yield run
            position = run.end


class LogState(NamedTuple):
    """A log: its random `log_id`, how many leaves a migration found (`found`), and its tree."""

    log_id: str
    found: int
    tree: Tree


class SignedRoot(NamedTuple):
    """What a log's first `size` leaves were at a time, in milliseconds since 1970. Without a key, the signature is empty."""

    log_id: str
    found: int
    size: int
    root: bytes
    signed_at: int
    signature: bytes

    def as_json(self) -> dict[str, object]:
        """The values of its JSON object, in which bytes are hex digits."""
        return {name: part.hex() if isinstance(part, bytes) else part for name, part in self._asdict().items()}


_ROOT = TypeAdapter(SignedRoot, config=ConfigDict(val_json_bytes="hex", strict=True))


def signed_root(line: bytes) -> SignedRoot:
    """The root of a JSON object that `as_json` describes. Raises ValueError."""
    return _ROOT.validate_json(line)


@dataclass(frozen=True, slots=True, repr=False)
class LogKey:
    """Signs and seals what belongs to a log. Without a key, signatures are empty, and anybody could make the seals."""

    key: bytes = b""

    def signed(self, state: LogState, at: int) -> SignedRoot:
        """The root of a state of the log."""
        bare = SignedRoot(state.log_id, state.found, state.tree.size, state.tree.root, at, b"")
        return bare._replace(signature=self._signature(bare))

    def is_signed(self, root: SignedRoot) -> bool:
        """Whether nobody without the key made or changed the root."""
        return hmac.compare_digest(root.signature, self._signature(root._replace(signature=b"")))

    def tombstones(self, subjects: Sequence[bytes]) -> bytes:
        """The seals of the removal of these decisions or events, one after another."""
        return b"".join(self.of_text(b"purged" + subject) for subject in subjects)

    def of_text(self, text: bytes) -> bytes:
        """The seal of a text."""
        return seal(_REMOVED, text, self.key)

    def _signature(self, bare: SignedRoot) -> bytes:
        """HMAC with SHA-256 of the root's JSON. Source: RFC 2104."""
        return hmac.digest(self.key, to_json(bare.as_json()), "sha256") if self.key else b""
