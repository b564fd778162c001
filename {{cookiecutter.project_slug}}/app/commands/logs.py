"""Logging of `app serve` and `app worker`."""

import logging
from datetime import UTC, datetime


class LogFormatter(logging.Formatter):
    """Log formatter: one line per record, with an ISO 8601 timestamp."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - name from logging
        """Format as ISO 8601 with milliseconds."""
        return datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        """Rename the logger `uvicorn.error`, which also logs messages that are not errors."""
        record.name = "uvicorn" if record.name == "uvicorn.error" else record.name
        return super().format(record)


def log_config(level: str) -> dict[str, object]:
    """Configure logging: one line per record on standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": LogFormatter, "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        # Both are noisy at INFO: Alembic logs its plugins at startup, watchfiles every file.
        "loggers": {"alembic": {"level": "WARNING"}, "watchfiles": {"level": "WARNING"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
    }
