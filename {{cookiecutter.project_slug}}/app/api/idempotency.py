"""Stored responses of requests with an `Idempotency-Key`, so that a retry isn't executed again.

A request claims its key in a transaction of its own. Its response is stored in the transaction of its work, so that a
crash leaves both or neither. https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, LargeBinary, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base, utc_now
from app.database.connection import Database
from app.errors import Conflict, InvalidRequest

HEADER = "Idempotency-Key"
KEY_PATTERN = "^[!-~]{1,255}$"
CLAIM_TIMEOUT = timedelta(minutes=1)
"""Maximum duration of a request with a key. After it, a retry is executed: the process may have crashed."""


class InvalidIdempotencyKey(InvalidRequest):
    """The key is malformed, or was used for another request."""

    title = "Invalid Idempotency-Key"


class RequestInProgress(Conflict):
    """The first request with this key is still running, or ran for too long and was rolled back."""

    title = "A request with this Idempotency-Key is in progress"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class ResponseNotStored(Conflict):
    """The request was executed, but its response is too large or a stream, or can't be decrypted."""

    title = "The request was executed, but its response isn't stored"


class IdempotencyKey(Base):
    """A key, and the encrypted response of its request: None while it runs, empty if it can't be stored."""

    __tablename__ = "idempotency_keys"

    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    claim_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    response: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Claim(NamedTuple):
    """A request that claims a key."""

    claim_id: UUID
    user_id: UUID
    key_hash: bytes
    """Hash of the caller, the path and the key."""
    request_hash: bytes
    """Hash of what has to be equal in a retry."""


def supports_key(path: str) -> bool:
    """Return whether POST requests to this path can have a key; responses of `/auth` contain tokens."""
    return path.startswith("/api/") and not path.startswith("/api/v1/auth/")


async def claim_key(database: Database, claim: Claim) -> bytes | None:
    """Claim the key and commit, or return the response that is stored for it.

    Raises:
        InvalidIdempotencyKey: the key was used for another request.
        RequestInProgress: the first request is still running.
        ResponseNotStored: its response can't be repeated.
    """
    now = utc_now()
    values = {**claim._asdict(), "response": None, "expires_at": now + CLAIM_TIMEOUT}
    insert = import_module(f"sqlalchemy.dialects.{database.engine.dialect.name}").insert(IdempotencyKey).values(values)
    claimed = insert.on_conflict_do_update(
        index_elements=[IdempotencyKey.key_hash], set_=values, where=IdempotencyKey.expires_at <= now
    ).returning(IdempotencyKey.claim_id)
    if await database.execute(claimed):
        return None
    stored = select(IdempotencyKey.request_hash, IdempotencyKey.response)
    rows = await database.execute(stored.where(IdempotencyKey.key_hash == claim.key_hash))
    if rows and rows[0].request_hash != claim.request_hash:
        raise InvalidIdempotencyKey("It was used for a request with another body. Use a new key for each request.")
    response: bytes | None = rows[0].response if rows else None  # without a row, the first request has just failed
    if response is None:
        raise RequestInProgress
    if not response:
        raise ResponseNotStored
    return response


async def store_response(session: AsyncSession, claim: Claim, response: bytes, ttl: timedelta) -> None:
    """Store the response of a request in its transaction.

    Raises:
        RequestInProgress: it ran for so long that a retry has claimed the key.
    """
    values = {"response": response, "expires_at": utc_now() + ttl}
    statement = update(IdempotencyKey).where(_belongs_to(claim)).values(values).returning(IdempotencyKey.claim_id)
    stored = await session.scalars(statement, execution_options={"synchronize_session": False})
    if stored.one_or_none() is None:
        raise RequestInProgress


async def release_key(database: Database, claim: Claim) -> None:
    """Delete the claim of a failed request, so that a retry is executed. A stored response is kept."""
    await database.execute(delete(IdempotencyKey).where(_belongs_to(claim), IdempotencyKey.response.is_(None)))


def add_to_openapi(document: dict[str, Any]) -> dict[str, Any]:
    """Declare the header on the operations that support it, and return the document."""
    for path, operations in document["paths"].items():
        if supports_key(path) and "security" in (post := operations.get("post", {})):
            post.setdefault("parameters", []).append(deepcopy(_PARAMETER))
            post["responses"].setdefault("409", {**post["responses"]["422"], "description": RequestInProgress.title})
    return document


_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "A unique value, such as a UUID, that makes retries safe: with the same key and body, they return "
    "the response of the first request, with `Idempotent-Replayed: true`. Responses are stored for 24 hours.",
    "schema": {
        "type": "string",
        "title": HEADER,
        "pattern": KEY_PATTERN,
        "examples": ["6f1c9a52-5f0e-4c1b-9d55-0b1f3c7a2e10"],
    },
}


def _belongs_to(claim: Claim) -> ColumnElement[bool]:
    return (IdempotencyKey.key_hash == claim.key_hash) & (IdempotencyKey.claim_id == claim.claim_id)
