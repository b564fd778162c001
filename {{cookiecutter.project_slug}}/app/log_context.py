"""What the current task works on, a request or a job: its log records and its statements belong to it."""

from contextvars import ContextVar


class Work:
    """A request or a job, with the statements that it has executed so far."""

    __slots__ = ("fields", "seconds", "statements")

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        """What all its log records have, such as `request_id`."""
        self.statements, self.seconds = 0, 0.0
        """Number of statements, and seconds that they, BEGIN and COMMIT took."""

    def totals(self) -> dict[str, object]:
        """Return the fields of its last record."""
        return {"db_ms": round(self.seconds * 1000, 1), "statements": self.statements}


current_work: ContextVar[Work | None] = ContextVar("current_work", default=None)
