"""Logs are one event a line, and tell nothing that a caller sent."""

import asyncio
import io
import json
import logging
import re
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from fraud_detection_api.telemetry import (
    LINES_TOGETHER,
    LONGEST_WAIT_SECONDS,
    Stopwatch,
    configure_logging,
    frames,
    log_event,
    log_failure,
    log_often,
    utc_text,
)

SECRET = "balance 4711 of customer 345435"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _root_logger_as_before():
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers[:] = []  # or reconfiguring would close pytest's own
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def configured(level="info", log_format="json", stream=None) -> io.StringIO:
    stream = stream or io.StringIO()
    configure_logging(level, log_format, stream=stream)
    return stream


def numbered(number):
    return {"number": number}


def fail_deep_down() -> None:
    def inner() -> None:
        raise ValueError(SECRET)

    try:
        inner()
    except ValueError as error:
        raise RuntimeError(SECRET) from error


def caught() -> RuntimeError:
    with pytest.raises(RuntimeError) as failure:
        fail_deep_down()
    return failure.value


def test_a_json_line_has_time_level_event_and_fields():
    stream = configured()
    log_event("request", status=200, route="/ping", seconds=0.25)
    line = json.loads(stream.getvalue())
    moment = datetime.fromisoformat(line.pop("time"))
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert line == {"level": "info", "event": "request", "status": 200, "route": "/ping", "seconds": 0.25}


def test_each_event_is_a_line_of_its_own():
    stream = configured()
    log_event("first", text="two\nlines")
    log_event("second")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["first", "second"]


def test_what_json_does_not_know_is_written_as_text():
    stream = configured()
    log_event("started", registry=Path("models"), name="é")
    line = json.loads(stream.getvalue())
    assert (line["registry"], line["name"]) == ("models", "é")


def test_events_below_the_level_are_left_out():
    stream = configured(level="warning")
    log_event("quiet")
    log_event("loud", level=logging.WARNING)
    assert json.loads(stream.getvalue())["event"] == "loud"
    assert json.loads(stream.getvalue())["level"] == "warning"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_failure_is_its_type_and_places_without_message_or_trace(log_format):
    stream = configured(log_format=log_format)
    log_failure("request_failed", caught(), request_id="r-1")
    text = stream.getvalue()
    assert "RuntimeError" in text
    assert "test_telemetry.py" in text
    assert "fail_deep_down" in text
    assert "r-1" in text
    assert SECRET not in text
    assert "Traceback" not in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_library_s_exception_is_logged_without_message_or_trace(log_format):
    stream = configured(log_format=log_format)
    try:
        fail_deep_down()
    except RuntimeError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    text = stream.getvalue()
    assert "Exception in ASGI application" in text
    assert "RuntimeError" in text
    assert SECRET not in text
    assert "Traceback" not in text
    assert text.count("\n") == 1


def test_a_library_s_line_is_in_the_same_format():
    stream = configured()
    logging.getLogger("library").info("listens on port %d", 8000)
    logging.getLogger("other").error("no exception here", exc_info=True)  # noqa: LOG014
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["level"]) == ("listens on port 8000", "info")
    assert "error" not in second


def test_a_chatty_library_is_heard_from_warnings_on(monkeypatch):
    # a test that imported MLflow by itself may have had this logger taken over
    monkeypatch.setattr(logging.getLogger("alembic"), "propagate", True)
    stream = configured()
    logging.getLogger("alembic.of_the_test").info("setup plugin")
    logging.getLogger("alembic.of_the_test").warning("a revision is missing")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["a revision is missing"]


def test_places_run_from_the_outermost_frame_inwards():
    names = [place.rpartition(" ")[2] for place in frames(caught())]
    assert names == ["caught", "fail_deep_down"]
    assert frames(ValueError("never raised")) == []


def test_a_text_line_is_time_level_event_and_pairs():
    stream = configured(log_format="text")
    log_event("request", status=200, route="/ping")
    moment, level, rest = stream.getvalue().rstrip("\n").split(maxsplit=2)
    time.fromisoformat(moment)
    assert (level, rest) == ("info", "request status=200 route=/ping")


def test_a_text_line_without_fields_ends_with_its_event():
    stream = configured(log_format="text")
    log_event("stopped")
    assert stream.getvalue().endswith("info    stopped\n")


def test_a_value_can_add_neither_a_line_nor_a_terminal_s_command():
    stream = configured(log_format="text")
    log_event("request", path="/a\n00:00:00 error forged\x1b[2J\u2028é")
    assert stream.getvalue().endswith("path=/a\\n00:00:00 error forged\\x1b[2J\\u2028é\n")
    assert len(stream.getvalue().splitlines()) == 1


def test_auto_is_text_on_a_terminal_and_json_elsewhere():
    terminal, pipe = configured(log_format="auto", stream=Terminal()), io.StringIO()
    log_event("started")
    assert terminal.getvalue().endswith("info    started\n")
    configured(log_format="auto", stream=pipe)
    log_event("started")
    assert json.loads(pipe.getvalue())["event"] == "started"


def test_json_stays_json_on_a_terminal():
    terminal = configured(log_format="json", stream=Terminal())
    log_event("started")
    assert json.loads(terminal.getvalue())["event"] == "started"


def test_logs_go_to_stderr_unless_told_otherwise(capsys):
    configure_logging("info", "json")
    log_event("started")
    output = capsys.readouterr()
    assert output.out == ""
    assert json.loads(output.err)["event"] == "started"


def test_configuring_again_replaces_the_first_format():
    first, second = configured(), configured()
    log_event("started")
    assert first.getvalue() == ""
    assert json.loads(second.getvalue())


def test_what_happens_often_is_written_soon_and_in_order():
    stream = configured()

    async def three_requests() -> list[str]:
        for number in range(3):
            log_often("request", numbered, number)
        waiting = stream.getvalue()
        await asyncio.sleep(LONGEST_WAIT_SECONDS * 3)
        return [waiting, stream.getvalue()]

    waiting, written = asyncio.run(three_requests())
    assert waiting == ""
    assert [json.loads(line)["number"] for line in written.splitlines()] == [0, 1, 2]


def test_many_lines_do_not_wait_for_their_time():
    stream = configured()

    async def many_requests() -> int:
        for number in range(LINES_TOGETHER + 1):
            log_often("request", numbered, number)
        return len(stream.getvalue().splitlines())

    assert asyncio.run(many_requests()) == LINES_TOGETHER


def test_other_events_push_out_what_waits_and_follow_it():
    stream = configured()

    async def request_then_event() -> str:
        log_often("request", numbered, 1)
        log_event("model_loaded")
        return stream.getvalue()

    lines = [json.loads(line)["event"] for line in asyncio.run(request_then_event()).splitlines()]
    assert lines == ["request", "model_loaded"]


def test_what_still_waits_at_the_end_is_written():
    stream = configured()

    async def request() -> None:
        log_often("request", dict)

    asyncio.run(request())
    logging.getLogger().handlers[0].close()
    logging.shutdown()
    assert json.loads(stream.getvalue())["event"] == "request"


def test_without_an_event_loop_nothing_waits():
    stream = configured()
    log_often("request", numbered, 1)
    assert json.loads(stream.getvalue())["number"] == 1


def test_what_happens_often_is_left_out_below_the_level_and_not_even_made():
    stream = configured(level="warning")
    made = []
    log_often("request", made.append, 1)
    assert (stream.getvalue(), made) == ("", [])


def test_elsewhere_than_in_lines_it_is_logged_at_once(caplog):
    logging.getLogger().addHandler(caplog.handler)
    logging.getLogger().setLevel("INFO")
    log_often("request", numbered, 1)
    assert [record.fields for record in caplog.records] == [{"number": 1}]


def test_lines_of_several_threads_are_all_written_once():
    stream = configured()

    async def from_threads() -> None:
        for first in range(0, 1000, 100):
            await asyncio.to_thread(lambda first=first: [log_often("request", numbered, first + n) for n in range(100)])
            log_often("request", numbered, 1000 + first)

    asyncio.run(from_threads())
    logging.getLogger().handlers[0].flush()
    numbers = [json.loads(line)["number"] for line in stream.getvalue().splitlines()]
    assert sorted(numbers) == [*range(1000), *range(1000, 2000, 100)]


def test_a_log_that_cannot_be_written_to_stops_nothing():
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    configured(stream=Full())
    log_often("request", dict)


def test_a_stopwatch_tells_stages_in_milliseconds_and_adds_up_what_repeats():
    watch = Stopwatch()
    for stage in ("parse", "score", "parse"):
        watch.lap(stage)
    assert list(watch.stages) == ["parse", "score"]
    assert re.fullmatch(r"parse;dur=\d+\.\d{3}, score;dur=\d+\.\d{3}", watch.server_timing())


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "1970-01-01T00:00:00.000Z"), (1_795_341_600_007, "2026-11-22T10:00:00.007Z")]
)
def test_times_are_utc_to_the_millisecond(milliseconds, text):
    assert utc_text(milliseconds) == text
