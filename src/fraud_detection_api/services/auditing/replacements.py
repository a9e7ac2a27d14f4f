"""Entries that say that the registry was replaced: changes of aliases are numbered and compared anew from there on."""

from typing import NamedTuple

from fraud_detection_api.decision.log import LogKey
from fraud_detection_api.errors import InvalidEvidence
from fraud_detection_api.services.auditing.log_store import LogStore

_HALF = 8


class Replacement(NamedTuple):
    """The registry was replaced at a time, in milliseconds since 1970. Its leaf is at `position`."""

    at: int
    position: int


class Replacements:
    """The replacements in a log, which only holders of the key can enter, each once: a copy has another's number."""

    def __init__(self, key: LogKey) -> None:
        self._key = key
        self.accepted: list[Replacement] = []

    def accept(self, subject: bytes, seal: bytes, position: int) -> bool:
        """Whether the leaf is the next replacement."""
        if seal != _seal(subject, self._key) or int.from_bytes(subject[:_HALF], "big") != len(self.accepted):
            return False
        self.accepted.append(Replacement(int.from_bytes(subject[_HALF:], "big"), position))
        return True


def enter_replacement(log: LogStore, key: LogKey, at: int) -> None:
    """Enter that the registry was replaced. Raises InvalidEvidence where the key is not the log's. One at a time."""
    with log.snapshot() as snapshot:
        roots = snapshot.roots()
    if roots and not any(map(key.is_signed, roots)):
        raise InvalidEvidence("FRAUD_SEAL_KEY is not the key that the log's roots were signed with")
    known = Replacements(key)
    for run in log.registry_runs():
        if run.kind == "registry":
            for at_position, (subject, seal) in enumerate(run.pairs(), run.position):
                known.accept(subject, seal, at_position)
    subject = len(known.accepted).to_bytes(_HALF, "big") + at.to_bytes(_HALF, "big")
    log.enter("registry", subject, _seal(subject, key))


def _seal(subject: bytes, key: LogKey) -> bytes:
    return key.of_text(b"registry" + subject)
