"""The worker's side and the writer's side over a real socket, in one event loop."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import msgpack

from fraud_detection_api.adapters.sockets.writer import WriterClient, WriterServer
from fraud_detection_api.decision.stored import IdempotencyKey, StoredAnswer, StoredRequest
from fraud_detection_api.errors import StoreBusy, StoreUnavailable
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.services.storage.decision_writer import Result
from fraud_detection_api.services.storage.writing import GroupCommit
from support.fakes import InMemoryDecisionStore
from support.kept import kept
from support.polling import eventually_async

EVERYTHING = DecisionFilter()
GREETING = b"\0\0\0\x08" + msgpack.encode({"error": None})


def request(number: int = 0, key: IdempotencyKey | None = None, answer: bytes = b"", records: int = 1) -> StoredRequest:
    return StoredRequest([kept(1000 * number + place) for place in range(records)], key, answer)


class Process:
    """A store, the writer's process, and a worker."""

    def __init__(self, path: Path) -> None:
        self.store, self.path = InMemoryDecisionStore(), path
        self.ended = asyncio.Event()

    def worker(self, limit: int = 100, patience_seconds: float = 60) -> WriterClient:
        return WriterClient(self.path, limit=limit, patience_seconds=patience_seconds)

    async def serve(self) -> None:
        writer = GroupCommit(self.store, limit=1000)
        await WriterServer(self.path, writer).serve_until(self.ended)


@asynccontextmanager
async def running(**worker: float) -> AsyncIterator[tuple[Process, WriterClient]]:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are too deep for a socket's path
        both = Process(Path(folder) / "socket")
        serving = asyncio.create_task(both.serve())
        client = both.worker(**worker)
        await client.start()
        try:
            yield both, client
        finally:
            await client.close()
            both.ended.set()
            await asyncio.wait_for(serving, 10)


async def submitted(client: WriterClient, *requests: StoredRequest) -> list[Result]:
    found: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
    client.submit(requests, lambda results: found.set_result(list(results)))
    return await asyncio.wait_for(found, 10)


def run(test):
    """A test that is a coroutine, in a loop of its own."""

    def runs() -> None:
        asyncio.run(asyncio.wait_for(test(), 30))

    runs.__name__, runs.__doc__ = test.__name__, test.__doc__
    return runs


@run
async def test_a_result_means_that_decisions_are_in_the_store():
    async with running() as (both, client):
        assert await submitted(client, request(1), request(2, records=3)) == [None, None]
        assert len(both.store.page(EVERYTHING, limit=10)) == 4


@run
async def test_rows_arrive_as_they_were_sealed():
    async with running() as (both, client):
        await submitted(client, request(7))
        [row] = both.store.page(EVERYTHING, limit=10)
        assert row == kept(7000)


@run
async def test_results_come_in_the_order_of_the_requests():
    async with running() as (both, client):
        key = IdempotencyKey("caller", "key", b"digest")
        results = await asyncio.gather(
            *(submitted(client, request(number, key, b"answer %d" % number)) for number in range(20))
        )
        found = [result for [result] in results]
        assert found[0] is None
        assert set(found[1:]) == {StoredAnswer(b"digest", b"answer 0")}
        assert len(both.store.page(EVERYTHING, limit=100)) == 1


@run
async def test_a_large_request_arrives_whole():
    async with running() as (both, client):
        assert await submitted(client, request(1, records=900)) == [None]
        assert len(both.store.page(EVERYTHING, limit=2000)) == 900


@run
async def test_a_store_that_fails_refuses_and_the_worker_knows_before_the_next_request():
    async with running() as (both, client):
        both.store.error = "the disk is full"
        [result] = await submitted(client, request(1))
        assert isinstance(result, StoreUnavailable)
        await eventually_async(lambda: client.error == "the disk is full", "the worker learns it")
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            client.require_room()


@run
async def test_a_recovered_store_is_reported_without_a_request():
    async with running() as (both, client):
        both.store.error = "the disk is full"
        await submitted(client, request(1))
        both.store.error = None
        await eventually_async(lambda: client.error is None, "the worker learns it")
        assert await submitted(client, request(2)) == [None]


@run
async def test_an_unexpected_error_does_not_repeat_its_text():
    async with running() as (_, client):
        unstorable = StoredRequest([kept(1, risk_score=1 << 63)])
        [result, other] = await submitted(client, unstorable, request(2))
        assert isinstance(result, RuntimeError)
        assert "rules" not in str(result)
        assert other is None


@run
async def test_the_number_of_waiting_records_is_limited():
    async with running(limit=3) as (_, client):
        found = asyncio.create_task(submitted(client, request(1, records=3)))
        await asyncio.sleep(0)
        with pytest.raises(StoreBusy):
            client.require_room()
        assert await found == [None]
        client.require_room()


@run
async def test_a_missing_writer_is_an_error_and_is_found_when_it_starts():
    with tempfile.TemporaryDirectory() as folder:
        both = Process(Path(folder) / "socket")
        client = both.worker()
        starting = asyncio.create_task(client.start())
        await asyncio.sleep(0.01)
        with pytest.raises(StoreUnavailable, match="is unavailable"):
            client.require_room()
        [result] = await submitted(client, request(1))
        assert isinstance(result, StoreUnavailable)
        serving = asyncio.create_task(both.serve())
        await asyncio.wait_for(starting, 10)
        assert await submitted(client, request(2)) == [None]
        await client.close()
        both.ended.set()
        await asyncio.wait_for(serving, 10)


@run
async def test_requests_under_way_are_refused_when_the_writer_dies():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "socket"
        heard = asyncio.Event()

        async def greet_then_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(GREETING)
            await reader.read(1)
            heard.set()
            writer.close()

        server = await asyncio.start_unix_server(greet_then_hang_up, str(path))
        client = WriterClient(path, limit=10, patience_seconds=60)
        await client.start()
        [result] = await submitted(client, request(1))
        assert heard.is_set()
        assert isinstance(result, StoreUnavailable)
        client_closed = asyncio.create_task(client.close())
        server.close()
        await asyncio.wait_for(client_closed, 10)


@run
async def test_the_writer_stays_until_the_last_worker_has_gone():
    async with running() as (both, client):
        both.ended.set()
        await asyncio.sleep(0.05)
        assert await submitted(client, request(1)) == [None]


@run
async def test_a_writer_that_hangs_counts_as_gone_until_it_answers_again():
    with tempfile.TemporaryDirectory() as folder:
        path, silent = Path(folder) / "socket", []

        async def says_how_it_is_and_then_nothing(reader, writer):
            if not silent:
                writer.write(GREETING)
            silent.append(writer)
            await reader.read()

        async with await asyncio.start_unix_server(says_how_it_is_and_then_nothing, str(path)):
            client = WriterClient(path, limit=100, patience_seconds=0.2)
            await client.start()
            [result] = await asyncio.wait_for(submitted(client, request()), 5)
            assert isinstance(result, StoreUnavailable)
            await eventually_async(lambda: len(silent) == 2, "the worker has come again")
            with pytest.raises(StoreUnavailable):
                client.require_room()
            silent[1].write(GREETING)
            await eventually_async(lambda: client.error is None, "the writer speaks again")
            await client.close()
            for writer in silent:
                writer.close()


@run
async def test_a_writer_with_nothing_to_say_does_not_hang():
    async with running(patience_seconds=0.1) as (_, client):
        await asyncio.sleep(0.3)
        assert client.error is None
        assert await submitted(client, request()) == [None]
