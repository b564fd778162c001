"""The log: several lines of the request log are written together, without delaying, losing or mixing lines."""

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from app.api import logs, request_log
from app.api.logs import ATOMIC_WRITE, REQUEST_LOGGER, JSONFormatter, LogFormatter, LogHandler
from app.log_context import Work, current_work
from tests.server import SECONDS_TO_STOP, Server, process_environment
from tests.support import wait_until

pytestmark = pytest.mark.any_database


class Writes(io.StringIO):
    """A stream that remembers what was written by one call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def write(self, text: str) -> int:
        """Remember and write."""
        self.calls.append(text)
        return super().write(text)

    @property
    def lines(self) -> list[str]:
        """The lines so far."""
        return self.getvalue().splitlines()


@pytest.fixture
def written() -> Writes:
    return Writes()


@pytest.fixture
def log(written: Writes) -> Iterator[Callable[..., None]]:
    """Log a line: `log("a line")`, to the request log unless another logger is given."""
    handler = LogHandler()
    handler.setStream(written)
    handler.setFormatter(LogFormatter())

    def write(message: str, name: str = REQUEST_LOGGER, level: int = logging.INFO) -> None:
        handler.handle(logging.LogRecord(name, level, "", 0, message, (), None))

    yield write
    handler.close()


def test_request_log_is_the_one_that_is_buffered() -> None:
    assert request_log.logger.name == REQUEST_LOGGER


def test_line_after_a_pause_is_written_at_once(log: Callable[..., None], written: Writes) -> None:
    log("GET /one")

    assert re.fullmatch(r"\S+T\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d INFO app\.requests GET /one\n", written.getvalue())


def test_line_that_waits_is_written_without_another_one(log: Callable[..., None], written: Writes) -> None:
    log("GET /one")
    log("GET /two")
    log("GET /three")

    wait_until(lambda: len(written.lines) == 3)
    assert len(written.calls) < 4


@pytest.mark.parametrize(
    ("name", "level"),
    [(REQUEST_LOGGER, logging.WARNING), ("app.events", logging.INFO), ("uvicorn.error", logging.INFO)],
)
def test_other_records_are_written_at_once_and_in_order(
    log: Callable[..., None], written: Writes, monkeypatch: pytest.MonkeyPatch, name: str, level: int
) -> None:
    monkeypatch.setattr(logs, "MAX_DELAY", 60)
    for number in range(3):
        log(f"GET /{number}")
    log("now", name, level)
    log("GET /later")

    assert [line.split()[-1] for line in written.lines[-4:]] == ["/0", "/1", "/2", "now"]


def test_lines_of_threads_are_neither_lost_nor_mixed(log: Callable[..., None], written: Writes) -> None:
    def write(thread: int) -> None:
        for number in range(500):
            log(f"{thread}/{number}", REQUEST_LOGGER if number % 50 else "app.events")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    wait_until(lambda: len(written.lines) == 8 * 500)

    found = [tuple(map(int, line.split()[-1].split("/"))) for line in written.lines]
    for thread in range(8):
        assert [number for other, number in found if other == thread] == list(range(500))
    assert len(written.calls) < 4000
    assert max(map(len, written.calls)) <= ATOMIC_WRITE, "more than this would be mixed with other processes' lines"


def test_long_line_is_written_as_a_whole(log: Callable[..., None], written: Writes) -> None:
    for length in (10, 2 * ATOMIC_WRITE, 10):
        log("x" * length, "app")

    assert [len(line.split()[-1]) for line in written.lines] == [10, 2 * ATOMIC_WRITE, 10]


def test_record_that_cannot_be_formatted_does_not_fail_the_request(
    log: Callable[..., None], written: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log("before")
    log(Unprintable())
    log("after", "app")

    assert [line.split()[-1] for line in written.lines] == ["before", "after"]


class Unprintable:
    """An object without a text."""

    def __str__(self) -> str:
        raise ValueError


def test_time_is_that_of_the_record() -> None:
    formatter = LogFormatter()
    record = logging.LogRecord("app", logging.INFO, "", 0, "", (), None)
    record.msecs = 7.9
    for created, start in ((0.0079, "1970-01-01T"), (1_800_000_000.0079, "2027-01-15T"), (0.0079, "1970-01-01T")):
        record.created = created
        shown = formatter.format(record)
        assert shown.startswith((start, "1969-12-31T"))
        assert re.search(r":\d\d\.007[+-]\d\d:\d\d INFO app $", shown)


def test_traceback_and_stack_follow_the_line() -> None:
    try:
        raise ValueError("the cause")  # noqa: TRY301 - for its traceback
    except ValueError:
        failure = sys.exc_info()
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "failed: %s", ("it",), failure, sinfo="Stack")

    first, second, *rest = LogFormatter().format(record).splitlines()

    assert first.endswith(" ERROR uvicorn failed: it")
    assert second == "  Traceback (most recent call last):"
    assert rest[-2:] == ["  ValueError: the cause", "  Stack"]
    assert record.name == "uvicorn.error", "as other handlers expect"


FORGED = "x\n2026-12-01T00:00:00.000+00:00 INFO app.requests GET /forged 200\r\x1b[2K\u202e"


def record_of(message: str, *values: object, name: str = "app", **fields: object) -> logging.LogRecord:
    record = logging.LogRecord(name, logging.INFO, "", 0, message, values, None)
    vars(record).update(fields)
    return record


def test_client_cannot_forge_a_line_or_control_a_terminal() -> None:
    text = LogFormatter().format(record_of("agent: %s", FORGED, agent=FORGED))
    line = JSONFormatter().format(record_of("agent: %s", FORGED, agent=FORGED))

    assert all(line.startswith("  2026-") for line in text.splitlines()[1:])
    assert text.replace("\n", "").isprintable()
    assert line.isprintable()
    assert line.isascii()
    assert (json.loads(line)["message"], json.loads(line)["agent"]) == (f"agent: {FORGED}", FORGED)


def test_json_has_fields_in_utc_with_the_request_and_the_traceback() -> None:
    record = record_of("paid %s", "€5", name="uvicorn.error", order_id=UUID(int=7), amount=Decimal("5.00"), note=None)
    record.created, record.msecs = 1_800_000_000.0079, 7.9
    try:
        raise ValueError("the cause")  # noqa: TRY301 - for its traceback
    except ValueError:
        record.exc_info = sys.exc_info()
    token = current_work.set(Work(request_id="request-of-ada"))
    try:
        line = JSONFormatter().format(record)
    finally:
        current_work.reset(token)

    found = json.loads(line)
    assert found.pop("exception").splitlines()[-1] == "ValueError: the cause"
    assert found == {
        "time": "2027-01-15T08:00:00.007+00:00",
        "level": "INFO",
        "logger": "uvicorn",
        "message": "paid €5",
        "order_id": str(UUID(int=7)),
        "amount": "5.00",
        "note": None,
        "request_id": "request-of-ada",
    }


@pytest.mark.parametrize("value", [object(), "\ud800", b"\xff", float("nan"), {1: {2}}, [timedelta(1)]])
def test_any_field_becomes_json(value: object) -> None:
    assert "message" in json.loads(JSONFormatter().format(record_of("hello", value=value)))


def test_every_line_of_a_server_is_json(start_server: Callable[..., Server]) -> None:
    server = start_server(LOG_FORMAT="json", LOG_LEVEL="debug", SERVER_WORKERS="2", JOBS_IN_SERVER="true")
    server.client.get("/health/ready", headers={"X-Request-ID": "request-of-ada"})
    server.client.get("/nowhere%0A%7B")
    server.process.terminate()
    server.process.wait(SECONDS_TO_STOP)

    records = [json.loads(line) for line in server.log.read_text().splitlines()]

    [ready] = [one for one in records if one.get("request_id") == "request-of-ada" and one["logger"] == REQUEST_LOGGER]
    assert (ready["route"], ready["level"]) == ("/health/ready", "INFO")
    assert ready["statements"] > 0
    assert {"uvicorn", REQUEST_LOGGER} <= {one["logger"] for one in records}


@pytest.mark.parametrize("end", ["raise RuntimeError('the end')", "sys.exit()", ""], ids=["crash", "exit", "end"])
def test_process_writes_its_lines_when_it_ends(tmp_path: Path, end: str) -> None:
    script = f"""
import logging.config, sys
from app.api import logs
from app.settings.config import load_settings
logs.MAX_DELAY = 60
logging.config.dictConfig(logs.log_config(load_settings()))
for number in range(200):
    logging.getLogger({REQUEST_LOGGER!r}).info("GET /%d", number)
{end}
"""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", script], env=process_environment(tmp_path), capture_output=True, text=True, check=False
    )

    assert re.findall(r"GET /(\d+)", done.stderr) == [str(number) for number in range(200)]
    assert ("RuntimeError: the end" in done.stderr) == ("raise" in end)


@pytest.mark.parametrize(
    ("configured", "lines"),
    [
        pytest.param("pass", [r"\S+T\S+ INFO app\.requests GET /"], id="by nobody"),
        pytest.param("logging.basicConfig(level='INFO', format='%(message)s')", ["GET /"], id="by the server"),
        pytest.param(
            "logging.config.dictConfig(logs.log_config(settings))", [r"\S+T\S+ INFO app\.requests GET /"], id="by us"
        ),
    ],
)
def test_record_is_logged_once(tmp_path: Path, configured: str, lines: list[str]) -> None:
    script = f"""
import logging.config
from app.api import logs
from app.settings.config import load_settings
settings = load_settings()
{configured}
logs.configure_app_logger(settings)
logs.configure_app_logger(settings)
logging.getLogger({REQUEST_LOGGER!r}).info("GET /")
logging.getLogger("other").info("not ours")
"""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", script], env=process_environment(tmp_path), capture_output=True, text=True, check=True
    )

    logged = [line for line in done.stderr.splitlines() if "not ours" not in line]
    assert len(logged) == len(lines)
    assert all(re.fullmatch(pattern, line) for pattern, line in zip(lines, logged, strict=True))
