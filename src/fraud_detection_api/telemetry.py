"""Structured logs: one event a line, JSON for machines or text for a terminal, never a payload and never a trace."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Literal, TextIO

from pydantic_core import to_json

LOGGER_NAME = "fraud_detection_api"

LogFormat = Literal["auto", "json", "text"]


def configure_logging(level: str, log_format: LogFormat, *, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stderr by default) in one format; "auto" is text on a terminal."""
    stream = stream or sys.stderr
    as_text = log_format == "text" or (log_format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if as_text else JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # no line tells them, and looking them up takes time: the library's own advice
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def log_event(event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log `event` with `fields`: names and numbers of what happened, never what a caller sent."""
    logging.getLogger(LOGGER_NAME).log(level, event, extra={"fields": fields})


def log_failure(event: str, error: BaseException, **fields: object) -> None:
    """Log an unexpected error by its type and the places it passed; its message could quote a record, so it stays out."""
    log_event(event, level=logging.ERROR, error=type(error).__name__, at=places(error), **fields)


def places(error: BaseException) -> list[str]:
    """`file:line function` of each frame that the error passed, outermost first."""
    return [f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]


class JsonFormatter(logging.Formatter):
    """A JSON object a line: time, level, event and the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        head = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        return to_json({**head, **_fields(record)}, fallback=str).decode()


class TextFormatter(logging.Formatter):
    """The same for people: time, level, event and `name=value` pairs."""

    def format(self, record: logging.LogRecord) -> str:
        pairs = " ".join(f"{name}={value}" for name, value in _fields(record).items() if value is not None)
        line = f"{_time(record)[11:19]} {record.levelname.lower():7} {record.getMessage()} {pairs}".rstrip()
        # neither a second line nor a terminal's commands may come in with a value
        return "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = dict(getattr(record, "fields", {}))
    if record.exc_info and record.exc_info[1] is not None:
        fields |= {"error": type(record.exc_info[1]).__name__, "at": places(record.exc_info[1])}
    return fields
