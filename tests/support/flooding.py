"""Floods a server from a process of its own: the same request over and over, on several connections, at a bounded rate."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from support.servers import finds_support


class Flood:
    """A process that floods with one request at a time; it answers with how many answers it has read."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, sent: bytes) -> None:
        """From now on, send these bytes."""
        self._tell(sent.decode("latin-1"))

    def stop(self) -> int:
        """The number of answers since the start."""
        self._tell("")
        return int(self._process.stdout.readline())

    def _tell(self, text: str) -> None:
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()


@contextmanager
def flooding(url: str, *, connections: int, requests_a_second: int) -> Iterator[Flood]:
    """A flood of that server, which has not started yet."""
    command = [sys.executable, "-m", "support.flooding", url, str(connections), str(requests_a_second)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=finds_support()
    ) as process:
        try:
            yield Flood(process)
        finally:
            process.stdin.close()
            process.wait(10)


async def _flood(url: str, connections: int, requests_a_second: int) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        sent, answers = json.loads(line).encode("latin-1"), [0]
        callers = [
            asyncio.create_task(_call(url, sent, connections / requests_a_second, answers)) for _ in range(connections)
        ]
        await lines.readline()
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        sys.stdout.write(f"{answers[0]}\n")
        sys.stdout.flush()


async def _call(url: str, sent: bytes, pause_seconds: float, answers: list[int]) -> None:
    address = urlsplit(url)
    while True:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            while True:
                due = asyncio.get_running_loop().time() + pause_seconds
                writer.write(sent)
                closes = await _read_answer(reader, has_body=not sent.startswith(b"HEAD"))
                answers[0] += 1
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                if closes:
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader, *, has_body: bool) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, length = head.partition(b"content-length: ")
    if length and has_body:
        left = int(length.partition(b"\r\n")[0])
        while left:
            piece = await reader.read(left)
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
    return b"connection: close" in head


if __name__ == "__main__":
    asyncio.run(_flood(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
