"""A record's walk through a worker, from its request's bytes to its answer's, is the one that is documented."""

import asyncio
import json
import re
import sys
import threading
from pathlib import Path

import uvicorn

from fraud_detection_api.container.storage import build_writer_server
from fraud_detection_api.main import create_app
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.routes.wire.connection import HttpProtocol
from fraud_detection_api.settings import Settings
from support.builders import OVERDRAWN

ROOT = Path(__file__).parents[2]
PACKAGE = "/src/fraud_detection_api/"
MOST_FILES = 25


def documented() -> list[str]:
    """The files of the numbered walk in the page on the architecture, in order."""
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    return re.findall(r"^\d+\. `([a-z_/]+\.py)`", page, flags=re.MULTILINE)


async def walked(settings: Settings) -> list[str]:
    """The package's files in the order in which a request's calls enter them first."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, http=HttpProtocol, log_config=None))
    started = asyncio.Event()
    startup = server.startup

    async def report_startup(sockets=None) -> None:
        await startup(sockets)
        started.set()

    server.startup = report_startup
    serving = asyncio.create_task(server.serve())
    await started.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps([OVERDRAWN]).encode()
    head = "POST /fraud_detection HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: "
    files: dict[str, None] = {}

    def note(frame, event, _argument):
        if event == "call" and PACKAGE in frame.f_code.co_filename:
            files.setdefault(frame.f_code.co_filename.rpartition(PACKAGE)[2])

    async def ask() -> bytes:
        writer.write(head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", answer)[1])
        return answer + await reader.readexactly(length)

    await ask()  # what is made once for a model is there afterwards
    sys.setprofile(note)
    answer = await ask()
    sys.setprofile(None)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    writer.close()
    server.should_exit = True
    await serving
    return list(files)


def test_a_record_enters_the_files_that_the_page_lists_in_order(file_registry_path, tmp_path):
    store = f"sqlite:///{tmp_path}/decisions.db"
    given = {"registry": str(file_registry_path), "store": store, "journal": tmp_path / "journal"}
    settings = Settings(**given, keeper=tmp_path / "socket")
    ended = threading.Event()

    async def write_decisions() -> None:
        until = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=lambda: (ended.wait(), loop.call_soon_threadsafe(until.set))).start()
        await build_writer_server(settings, Tallies()).serve_until(until)

    process = threading.Thread(
        target=asyncio.run, args=(write_decisions(),)
    )  # stands for the decision writer's process
    process.start()
    try:
        found = asyncio.run(walked(settings))
    finally:
        ended.set()
        process.join()

    assert found == documented()
    assert len(found) <= MOST_FILES
