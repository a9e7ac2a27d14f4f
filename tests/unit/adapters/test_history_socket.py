"""The worker's side and the other process's side of history over a real socket, in one event loop."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from fraud_detection_api.adapters.sockets import history as sockets
from fraud_detection_api.adapters.sockets.history import HistoryClient, HistoryServer
from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import parse_contract
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.metrics.catalogue import HISTORY_POSITION
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.entities.asking import AskedRecord, Seen
from fraud_detection_api.services.history.arrivals import JustStored
from support.kept import request_of
from support.payments import payment, payments_contract
from support.polling import eventually_async

CONTRACT = payments_contract()


class Counted:
    """Entities whose every feature is how many records were asked about so far."""

    rows, size_bytes, is_outdated = 0, 0, False

    def __init__(self) -> None:
        self.position, self.is_away, self.asked = 5, False, list[list[AskedRecord]]()
        self.stored = list[JustStored]()

    def catch_up(self) -> bool:
        if self.is_away:
            raise StoreUnavailable("it is away")
        return False

    def sweep(self) -> None: ...

    def answers(self, requests: Sequence[Sequence[AskedRecord]], stored: Sequence[JustStored] = ()) -> Seen:
        self.catch_up()
        self.asked += map(list, requests)
        self.stored += stored
        numbers = np.arange(sum(map(len, requests)), dtype=np.float64)
        return Seen(self.position, np.repeat(numbers[:, np.newaxis], len(CONTRACT.history), axis=1), 0)


class Places:
    """Where all histories are the same one."""

    def __init__(self, entities: Counted) -> None:
        self.entities, self.opened_contracts = entities, list[str]()

    def opened(self, contract: Contract) -> Counted:
        self.opened_contracts.append(contract.content_digest)
        return self.entities

    def save(self, entities: object) -> None: ...

    def forget(self, contract: Contract) -> None: ...


class Process:
    """The process with the history, which can end and be started again."""

    def __init__(self, path: Path) -> None:
        self.path, self.entities = path, Counted()
        self.places, self.tallies = Places(self.entities), Tallies()
        self.start()

    def start(self) -> None:
        self._ended = asyncio.Event()
        self.server = HistoryServer(self.path, self.places, self.tallies)
        self._serving = asyncio.create_task(self.server.serve_until(self._ended))

    async def end(self, client: HistoryClient) -> None:
        self._ended.set()
        await self._serving
        for connection in list(self.server._connections):  # as those of a process that is killed
            connection.transport.abort()
        await eventually_async(lambda: client._connection is None, "the worker has noticed")


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Process, HistoryClient]]:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are too deep for a socket's path
        process = Process(Path(folder) / "socket")
        client = HistoryClient(process.path, Recorder())
        await client.start()
        try:
            yield process, client
        finally:
            await client.close()
            process._ended.set()
            await process._serving


async def asked(client: HistoryClient, *requests: Sequence[Record], seconds: float = 10) -> Seen | None:
    found: asyncio.Future[Seen | None] = asyncio.get_running_loop().create_future()
    client.ask(CONTRACT, requests or [[payment()]], found.set_result, seconds=seconds)
    return await asyncio.wait_for(found, 20)


async def ready(client: HistoryClient) -> None:
    await asyncio.get_running_loop().run_in_executor(None, client.prepare, CONTRACT)


def run(test):
    """A test that is a coroutine, in a loop of its own."""

    def runs() -> None:
        asyncio.run(asyncio.wait_for(test(), 30))

    runs.__name__, runs.__doc__ = test.__name__, test.__doc__
    return runs


@run
async def test_a_prepared_contract_is_answered_with_the_position_and_a_row_for_each_record():
    async with running() as (process, client):
        await ready(client)
        seen = await asked(client, [payment(), payment()], [payment(card="C-2")])
        assert seen is not None
        assert (seen.position, seen.values[:, 0].tolist()) == (5, [0, 1, 2])
        assert [[each.entity for each in request] for request in process.entities.asked] == [['"C-1"'] * 2, ['"C-2"']]


@run
async def test_a_contract_that_nobody_prepared_is_unavailable_until_it_is_loaded():
    async with running() as (_, client):
        assert await asked(client) is None
        await ready(client)
        assert await asked(client) is not None


@run
async def test_the_next_question_says_what_was_stored_and_the_one_after_it_does_not():
    async with running() as (process, client):
        await ready(client)
        request = request_of(3, 4)
        client.stored([(CONTRACT, request)])
        for _ in range(2):
            assert await asked(client) is not None
        assert process.entities.stored == [
            JustStored(uuid_bytes(each.decision_id), each.decided_at, each.entity, each.record)
            for each in request.decisions
        ]


@run
async def test_a_large_request_is_answered():
    async with running() as (_, client):
        await ready(client)
        seen = await asked(client, [payment(card=f"C-{number}" * 20) for number in range(5_000)])
        assert seen is not None
        assert seen.values.shape == (5_000, len(CONTRACT.history))


@run
async def test_history_is_unavailable_while_the_store_is_away():
    async with running() as (process, client):
        await ready(client)
        process.entities.is_away = True
        assert await asked(client) is None
        process.entities.is_away = False
        assert await asked(client) is not None


@run
async def test_after_a_late_answer_nobody_asks_for_a_while():
    async with running() as (process, client):
        await ready(client)
        assert await asked(client, seconds=0) is None
        before = len(process.entities.asked)
        assert await asked(client) is None
        assert await eventually_async(lambda: process.entities.asked, "the late question was answered")
        assert len(process.entities.asked) <= max(before, 1)
        client._resume_at = 0.0  # the pause is over
        seen = await asked(client)
        assert seen is not None
        assert seen.values.shape == (1, len(CONTRACT.history))


@run
async def test_questions_are_unavailable_when_the_process_ends_and_its_successor_serves_the_contract_again():
    async with running() as (process, client):
        await ready(client)
        await process.end(client)
        assert await asked(client) is None
        process.start()
        await eventually_async(lambda: client._connection is not None, "the worker is connected again")
        await eventually_async(lambda: len(process.places.opened_contracts) == 2, "the contract is served again")
        await ready(client)
        assert await asked(client) is not None


@run
async def test_a_question_under_way_is_unavailable_when_the_process_ends():
    async with running() as (_, client):
        await ready(client)
        found: asyncio.Future[Seen | None] = asyncio.get_running_loop().create_future()
        client.ask(CONTRACT, [[payment()]], found.set_result, seconds=10)
        assert client._connection is not None
        client._connection.transport.abort()
        assert await asyncio.wait_for(found, 10) is None


@run
async def test_a_contract_of_which_others_took_the_place_is_loaded_again_before_it_is_ready():
    async with running() as (process, client):
        await ready(client)
        for number in range(sockets.KEPT_CONTRACTS):
            other = parse_contract({**CONTRACT.as_json(), "description": str(number)}, source="a test")
            await asyncio.get_running_loop().run_in_executor(None, client.prepare, other)
        assert len(process.server._served) == sockets.KEPT_CONTRACTS
        await ready(client)
        assert await asked(client) is not None
        assert process.places.opened_contracts.count(CONTRACT.content_digest) == 2


@run
async def test_how_much_is_in_memory_is_measured():
    async with running() as (process, client):
        await ready(client)
        position = process.tallies.gauge(HISTORY_POSITION)
        await eventually_async(lambda: position.value == process.entities.position, "the position is shown")
