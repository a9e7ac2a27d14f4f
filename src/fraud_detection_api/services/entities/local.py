"""The history of entities in the process that asks."""

from collections.abc import Callable, Iterable, Sequence

from pydantic_core import to_json

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.entities.asking import Answered, AskedRecord, Entities, Seen


class LocalHistory:
    """Histories that `open_entities` opens, by contract."""

    def __init__(self, open_entities: Callable[[Contract], Entities], recorder: Recorder) -> None:
        self._open_entities, self._recorder = open_entities, recorder
        self._entities: dict[str, Entities] = {}

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    def prepare(self, contract: Contract) -> None:
        """Each question catches up."""

    def ask(self, contract: Contract, requests: Sequence[Sequence[Record]], done: Answered, *, seconds: float) -> None:  # noqa: ARG002
        done(self._seen(contract, [asked_records(contract, request, self._recorder) for request in requests]))

    def stored(self, requests: Iterable[tuple[Contract, StoredRequest]]) -> None:
        """Each question catches up."""

    def _seen(self, contract: Contract, requests: Sequence[Sequence[AskedRecord]]) -> Seen | None:
        digest = contract.content_digest
        try:
            if digest not in self._entities:
                self._entities[digest] = self._open_entities(contract)
            return self._entities[digest].answers(requests)
        except StoreUnavailable:
            return None


def asked_records(contract: Contract, request: Sequence[Record], recorder: Recorder) -> list[AskedRecord]:
    """The records of a request as they are asked about: with entities as `recorder` stores them."""
    name = None if contract.identifier is None else contract.identifier.name
    return [
        AskedRecord(None if name is None else recorder.entity(record[name]), to_json(record).decode())
        for record in request
    ]
