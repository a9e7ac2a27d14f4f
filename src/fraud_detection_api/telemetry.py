"""Structured logs: one event a line, JSON for machines or text for a terminal, never a payload and never a trace."""

import asyncio
import logging
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TextIO, TypeAlias

import msgspec

LOGGER_NAME = "fraud_detection_api"

LogFormat = Literal["auto", "json", "text"]

Render: TypeAlias = Callable[[float, str, str, Mapping[str, object]], str]
"""A line from seconds since 1970, level, event and fields."""

LONGEST_WAIT_SECONDS = 0.05
"""Lines about requests are made and written together: making one between two system calls takes longer than scoring."""

LINES_TOGETHER = 64
"""So many are written at once: more would keep the requests waiting that come meanwhile."""

_CHATTY = ("alembic", "matplotlib", "uvicorn.error")
"""Libraries that log every plugin, every start and every font cache at INFO."""

_ENCODER = msgspec.json.Encoder(enc_hook=str)

_LOGGER, _ROOT = logging.getLogger(LOGGER_NAME), logging.getLogger()


def configure_logging(level: str, log_format: LogFormat, *, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stderr by default) in one format; "auto" is text on a terminal."""
    stream = stream or sys.stderr
    as_text = log_format == "text" or (log_format == "auto" and stream.isatty())
    logging.basicConfig(
        level=level.upper(), handlers=[LineHandler(stream, text_line if as_text else json_line)], force=True
    )
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, _ROOT.level))
    # no line shows them, and looking them up takes time: the library's own advice
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def log_event(event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log `event` with `fields`: names and numbers of what happened, never what a caller sent."""
    _LOGGER.log(level, event, extra={"fields": fields})


def log_often(event: str, fields: Callable[..., Mapping[str, object]], *of: object) -> None:
    """Log `event` with `fields(*of)` within LONGEST_WAIT_SECONDS; at once where lines go to more than one LineHandler."""
    if not _LOGGER.isEnabledFor(logging.INFO):
        return
    handlers = _ROOT.handlers
    if len(handlers) == 1 and isinstance(handlers[0], LineHandler) and not _LOGGER.handlers:
        handlers[0].write_soon(time.time(), event, fields, *of)
    else:
        _LOGGER.info(event, extra={"fields": fields(*of)})


def log_failure(event: str, error: BaseException, **fields: object) -> None:
    """Log an unexpected error by its type and the lines that it passed. Its message is left out: it could quote a record."""
    log_event(event, level=logging.ERROR, error=type(error).__name__, at=frames(error), **fields)


def frames(error: BaseException) -> list[str]:
    """`file:line function` of each frame that the error passed, outermost first."""
    return [f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]


class Stopwatch:
    """Seconds that the stages of one piece of work take. `began` is when it was made, on the clock of `perf_counter`."""

    def __init__(self) -> None:
        # when the last stage ended; stages have no gaps, so `lapped` and `stages` give when each began
        self.began = self.lapped = time.perf_counter()
        self.stages: dict[str, float] = {}
        self._text: str | None = None

    def lap(self, stage: str) -> None:
        """End a stage, which began where the last one ended; the seconds of a repeated stage add up."""
        now = time.perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self.lapped
        self.lapped, self._text = now, None

    def split(self) -> "Stopwatch":
        """Another one that has taken the same so far."""
        other = Stopwatch()
        other.began, other.lapped, other.stages = self.began, self.lapped, self.stages.copy()
        return other

    def server_timing(self) -> str:
        """The stages in milliseconds, as the header Server-Timing has them. Source: W3C, "Server Timing"."""
        if self._text is None:  # many requests of a turn ask for the same
            self._text = ", ".join([f"{stage};dur={seconds * 1000:.3f}" for stage, seconds in self.stages.items()])
        return self._text


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines in order. Lines of `write_soon` are written together."""

    def __init__(self, stream: TextIO, render: Render) -> None:
        super().__init__(stream)
        self._render, self._waiting, self._due = render, deque[tuple[Any, ...]](), False

    def format(self, record: logging.LogRecord) -> str:
        line = self._render(record.created, record.levelname.lower(), record.getMessage(), _fields(record))
        return "\n".join([*self._taken(), line])

    def write_soon(self, seconds: float, event: str, fields: Callable[..., Mapping[str, object]], *of: object) -> None:
        """Write a line with `fields(*of)` within LONGEST_WAIT_SECONDS; at once where no event loop runs."""
        self._waiting.append((seconds, event, fields, *of))
        if len(self._waiting) >= LINES_TOGETHER:
            self._write_waiting()
        elif not self._due:
            self._due = True
            try:
                asyncio.get_running_loop().call_later(LONGEST_WAIT_SECONDS, self.flush)
            except RuntimeError:
                self.flush()

    def flush(self) -> None:
        """Write what waits. A log that cannot be written to stops nothing, as everywhere in `logging`."""
        self._due = False  # before anything is taken: what comes meanwhile is taken now or due again
        self._write_waiting()

    def _write_waiting(self) -> None:
        with self.lock or nullcontext(), suppress(OSError, ValueError):
            if lines := self._taken():
                self.stream.write("\n".join(lines) + self.terminator)
            super().flush()

    def _taken(self) -> list[str]:
        taken = []
        while self._waiting:
            seconds, event, fields, *of = self._waiting.popleft()
            taken.append(self._render(seconds, "info", event, fields(*of)))
        return taken


def json_line(seconds: float, level: str, event: str, fields: Mapping[str, object]) -> str:
    """A JSON object: time, level, event and the event's fields."""
    own = _ENCODER.encode(fields).decode()
    return f"{_head(int(seconds * 1000), level, event)}{',' if fields else ''}{own[1:]}"


@lru_cache(maxsize=64)  # many lines of a millisecond begin alike
def _head(milliseconds: int, level: str, event: str) -> str:
    return _ENCODER.encode({"time": utc_text(milliseconds), "level": level, "event": event}).decode()[:-1]


def text_line(seconds: float, level: str, event: str, fields: Mapping[str, object]) -> str:
    """The same for people: time, level, event and `name=value` pairs."""
    pairs = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    line = f"{utc_text(int(seconds * 1000))[11:19]} {level:7} {event} {pairs}".rstrip()
    # a value must not bring in a second line, or commands for a terminal
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)


def utc_text(milliseconds: int) -> str:
    """ISO 8601 in UTC, from milliseconds since 1970.

    >>> utc_text(1_795_341_600_123)
    '2026-11-22T10:00:00.123Z'
    """
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03}Z"


@lru_cache(maxsize=2)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = dict(getattr(record, "fields", {}))
    if record.exc_info and record.exc_info[1] is not None:
        fields |= {"error": type(record.exc_info[1]).__name__, "at": frames(record.exc_info[1])}
    return fields
