"""Tables of jobs."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database.base import Base, Record, utc_now
from app.jobs.errors import MAX_ERROR_CHARACTERS

MAX_LABEL_CHARACTERS = 200

_JSON = JSON(none_as_null=True)


class JobState(StrEnum):
    """State of a job."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class Job(Record):
    """A job: a call of a function, which runs once its transaction is committed."""

    __tablename__ = "jobs"

    name: Mapped[str] = mapped_column(String(100))
    queue: Mapped[str] = mapped_column(String(50), default="default")
    arguments: Mapped[dict[str, JsonValue] | None] = mapped_column(_JSON)
    """Arguments by name, or `{"encrypted": …}`. Those of encrypted jobs are erased when it succeeds."""
    priority: Mapped[int] = mapped_column(default=0)
    """Jobs with a smaller number run first."""
    due_at: Mapped[datetime] = mapped_column(default=utc_now)
    """When it may run. Of a running job: the end of its lease, after which others may claim it."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Attempts, including the current one."""
    state: Mapped[JobState] = mapped_column(default=JobState.PENDING)
    unique_key: Mapped[str | None] = mapped_column(String(200))
    """No other pending or running job of this name has it."""
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    """The user for whom it runs. Deleting the user deletes their jobs."""
    owner: Mapped[Any] = relationship("User", lazy="raise")
    label: Mapped[str] = mapped_column(String(MAX_LABEL_CHARACTERS), default="")
    """What it is about, for lists. It contains no personal data."""
    claim_id: Mapped[UUID | None]
    """Identifies the claim of a running job: only its worker can commit and end it."""
    worker: Mapped[str | None] = mapped_column(String(80))
    """The process that runs it, or ran it last."""
    last_error: Mapped[str | None] = mapped_column(String(MAX_ERROR_CHARACTERS))
    """The last error, without addresses and links."""
    cursor: Mapped[Any] = mapped_column(_JSON, nullable=True)
    """How far it is, saved by the job; its next attempt continues there."""
    progress: Mapped[float | None]
    """From 0 to 1."""
    result: Mapped[Any] = mapped_column(_JSON, nullable=True)
    started_at: Mapped[datetime | None]
    """Start of the last attempt."""
    ended_at: Mapped[datetime | None]
    """When it succeeded, failed or was canceled; None while it is pending or running."""


_LIVE = Job.ended_at.is_(None)
Index(None, Job.priority, Job.due_at, postgresql_where=_LIVE, sqlite_where=_LIVE)
Index(None, Job.name, Job.unique_key, unique=True, postgresql_where=_LIVE, sqlite_where=_LIVE)
Index(None, Job.state, Job.ended_at)


class JobChunk(Base):
    """Part of the content of a file that a job reads or writes: see `app/jobs/chunks.py`."""

    __tablename__ = "job_chunks"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class JobSchedule(Base):
    """When a scheduled job is enqueued next, by one of the workers."""

    __tablename__ = "job_schedules"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    next_at: Mapped[datetime]
