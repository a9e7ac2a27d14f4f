"""A server within the test's own process, which answers as the test wants."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server on 127.0.0.1 whose requests `handler` answers, and logs nowhere."""
    quiet = type("Quiet", (handler,), {"log_message": lambda *_arguments: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), quiet) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))  # how often it looks whether to end
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
