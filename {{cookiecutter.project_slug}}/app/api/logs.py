"""Logging: one line per record on standard error."""

import json
import logging
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from pydantic_core import PydanticSerializationError, to_json

from app.log_context import current_work
from app.settings.config import Settings

MAX_DELAY = 0.05
"""Seconds for which the lines of the request log are buffered."""
ATOMIC_WRITE = 4096
"""Bytes that a pipe takes as a whole, so that lines of several processes are not mixed (Linux: `PIPE_BUF`)."""
REQUEST_LOGGER = "app.requests"


STANDARD_FIELDS = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"})
"""Attributes of any record; the others are fields: `logger.info("paid", extra={"order_id": order.id})`."""


class LogFormatter(logging.Formatter):
    """Log formatter: one line per record, with its time in UTC, its fields and those of the request or job."""

    _formatted = (-1, "")
    """The last second and its text: formatting one takes longer than the rest of the line."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - name from logging
        """Format as ISO 8601 with milliseconds."""
        second, text = int(record.created), self._formatted[1]
        if second != self._formatted[0]:
            text = datetime.fromtimestamp(second, UTC).isoformat()
            self._formatted = second, text
        return f"{text[:19]}.{int(record.msecs):03}{text[19:]}"

    def format(self, record: logging.LogRecord) -> str:
        """Format without a format string, which takes longer.

        Further lines, such as a traceback, and what a client sent are indented, so that none looks like a record.
        """
        line = f"{self.formatTime(record)} {record.levelname} {_logger_name(record)} {record.getMessage()}"
        for name, value in _fields(record).items():
            if value is not None:
                line += f" {name}={value}"
        line += "".join(f"\n{text}" for text in self._traces(record).values())
        return line if line.isprintable() else "\n  ".join(map(_escape, line.split("\n")))

    def _traces(self, record: logging.LogRecord) -> dict[str, str]:
        traces = {}
        if record.exc_info:
            traces["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            traces["stack"] = self.formatStack(record.stack_info)
        return traces


class JSONFormatter(LogFormatter):
    """Log formatter: one JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Format by Pydantic's serializer, which takes a third of the time of `json`; for rare values by `json`."""
        document = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": _logger_name(record),
            "message": record.getMessage(),
            **_fields(record),
            **self._traces(record),
        }
        with suppress(PydanticSerializationError):  # such as invalid Unicode
            line = to_json(document, fallback=str).decode()
            if line.isascii():
                return line
        return json.dumps(document, default=str)


def _logger_name(record: logging.LogRecord) -> str:
    return "uvicorn" if record.name == "uvicorn.error" else record.name  # which also logs non-errors


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    work = current_work.get()
    fields = {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}
    return {**fields, **work.fields} if work else fields


def _escape(line: str) -> str:
    """Escape control characters, which could change the terminal or hide a part of the line."""
    return line if line.isprintable() else line.encode("unicode_escape").decode()


class LogHandler(logging.StreamHandler[TextIO]):
    """Write to standard error; under load, write several lines of the request log together.

    A line of the request log is buffered for at most `MAX_DELAY`, also if the event loop is blocked: a thread writes
    it. Any other record is written at once, after the buffered lines, so what happened before a crash is in the log.
    Uvicorn logs after the last request, so a shutdown by SIGTERM, which ends Python at once, loses no line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._size, self._written_at, self._has_timer = 0, 0.0, False

    def emit(self, record: logging.LogRecord) -> None:
        """Buffer or write a line."""
        try:
            line = self.format(record) + self.terminator
            if self._size + len(line) > ATOMIC_WRITE:
                self.flush()
            self._lines.append(line)
            self._size += len(line)
            can_wait = record.name == REQUEST_LOGGER and record.levelno < logging.WARNING
            if not can_wait or record.created - self._written_at > MAX_DELAY:
                self.flush()
            elif not self._has_timer:
                self._start_timer()
        except Exception:  # noqa: BLE001 - as in all handlers
            self.handleError(record)

    def flush(self) -> None:
        """Write the buffered lines."""
        self.acquire()
        try:
            if self._lines:
                text, self._lines, self._size, self._written_at = "".join(self._lines), [], 0, time.time()
                self.stream.write(text)
            super().flush()
        finally:
            self.release()

    def _start_timer(self) -> None:
        timer = threading.Timer(MAX_DELAY, self._end_timer)
        timer.daemon = True
        timer.start()
        self._has_timer = True

    def _end_timer(self) -> None:
        self.acquire()
        self._has_timer = False
        self.release()
        self.flush()


def log_config(settings: Settings) -> dict[str, object]:
    """Return the configuration of `app serve` and `app worker`, for `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JSONFormatter if settings.logs_json else LogFormatter}},
        "handlers": {"stderr": {"()": LogHandler, "formatter": "line"}},
        # Noisy at INFO: Alembic logs its plugins at startup, watchfiles every file, Uvicorn three lines per WebSocket.
        "loggers": {
            name: {"level": "WARNING"} for name in ("alembic", "watchfiles", "app.commands.websocket_protocol")
        },
        "root": {"handlers": ["stderr"], "level": settings.log_level.upper()},
    }


def configure_app_logger(settings: Settings) -> None:
    """Log this app's records if nothing else does, as under most other servers; their own loggers stay as they are."""
    logger = logging.getLogger("app")
    if not logger.hasHandlers():
        handler = logging.StreamHandler()  # unlike `LogHandler`, it loses no line if the server exits by a signal
        handler.setFormatter(JSONFormatter() if settings.logs_json else LogFormatter())
        logger.addHandler(handler)
        logger.setLevel(settings.log_level.upper())
