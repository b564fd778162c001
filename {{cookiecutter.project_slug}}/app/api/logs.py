"""Logging: one line per record on standard error."""

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TextIO

MAX_DELAY = 0.05
"""Seconds for which the lines of the request log are buffered."""
ATOMIC_WRITE = 4096
"""Bytes that a pipe takes as a whole, so that lines of several processes are not mixed (Linux: `PIPE_BUF`)."""
REQUEST_LOGGER = "app.requests"


class LogFormatter(logging.Formatter):
    """Log formatter: one line per record, with an ISO 8601 timestamp."""

    _formatted = (-1, "")
    """The last second and its text: formatting one takes longer than the rest of the line."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - name from logging
        """Format as ISO 8601 with milliseconds."""
        second, text = int(record.created), self._formatted[1]
        if second != self._formatted[0]:
            text = datetime.fromtimestamp(second, UTC).astimezone().isoformat()
            self._formatted = second, text
        return f"{text[:19]}.{int(record.msecs):03}{text[19:]}"

    def format(self, record: logging.LogRecord) -> str:
        """Format without a format string, which takes longer; rename `uvicorn.error`, which also logs non-errors."""
        name = "uvicorn" if record.name == "uvicorn.error" else record.name
        line = f"{self.formatTime(record)} {record.levelname} {name} {record.getMessage()}"
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        return f"{line}\n{self.formatStack(record.stack_info)}" if record.stack_info else line


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


def log_config(level: str) -> dict[str, object]:
    """Return the configuration of `app serve` and `app worker`, for `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": LogFormatter}},
        "handlers": {"stderr": {"()": LogHandler, "formatter": "line"}},
        # Noisy at INFO: Alembic logs its plugins at startup, watchfiles every file, Uvicorn three lines per WebSocket.
        "loggers": {
            name: {"level": "WARNING"} for name in ("alembic", "watchfiles", "app.commands.websocket_protocol")
        },
        "root": {"handlers": ["stderr"], "level": level.upper()},
    }


def configure_app_logger(level: str) -> None:
    """Log this app's records if nothing else does, as under most other servers; their own loggers stay as they are."""
    logger = logging.getLogger("app")
    if not logger.hasHandlers():
        handler = logging.StreamHandler()  # unlike `LogHandler`, it loses no line if the server exits by a signal
        handler.setFormatter(LogFormatter())
        logger.addHandler(handler)
        logger.setLevel(level.upper())
