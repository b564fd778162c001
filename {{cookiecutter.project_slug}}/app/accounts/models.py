"""Database models: users, roles, sessions, refresh tokens, one-time tokens and events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from uuid_utils.compat import uuid7

from app.database.base import Base, Record, UUIDv7Base, utc_now


class User(Record):
    """A user account. `email_key` is the normalized email address, which is unique."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    email_verified_at: Mapped[datetime | None]
    password_hash: Mapped[str | None] = mapped_column(String(255))
    password_changed_at: Mapped[datetime | None]
    display_name: Mapped[str] = mapped_column(String(120), default="")
    locale: Mapped[str | None] = mapped_column(String(35))
    """Language of pages and emails; the browser's if none is selected."""
    is_active: Mapped[bool] = mapped_column(default=True)
    last_login_at: Mapped[datetime | None]

    roles: Mapped[list["Role"]] = relationship(lambda: Role, secondary="user_roles", lazy="raise", passive_deletes=True)


class Role(Record):
    """A named set of permissions."""

    __tablename__ = "roles"

    name: Mapped[str] = mapped_column(String(40), unique=True)
    permissions: Mapped[list[str]] = mapped_column(JSON(none_as_null=True), default=list)


class UserRole(Base):
    """Association of users and roles."""

    __tablename__ = "user_roles"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role_id: Mapped[UUID] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True, index=True)


class AuthSession(Record):
    """A session of a browser (`web`, by cookie) or an API client (`api`, by tokens)."""

    __tablename__ = "auth_sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    token_issued_at: Mapped[datetime] = mapped_column(default=utc_now)
    previous_token_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    remember: Mapped[bool] = mapped_column(default=False)
    authenticated_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    idle_expires_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ip_first: Mapped[str] = mapped_column(String(45), default="")
    ip_last: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(255), default="")
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None] = mapped_column(String(32))

    impersonator_session_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("auth_sessions.id", ondelete="CASCADE"), index=True
    )
    """The admin's own session, if this one is an impersonation."""

    user: Mapped[User] = relationship(lazy="raise")


class RefreshToken(Base):
    """One link in the chain of an API session: used once, then replaced by its only child.

    Used tokens are kept until the session ends, so that reuse of a stolen token is detected.
    """

    __tablename__ = "refresh_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("auth_sessions.id", ondelete="CASCADE"), index=True)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("refresh_tokens.id", ondelete="CASCADE"), unique=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    nonce: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class OneTimeToken(Base):
    """An emailed secret for one purpose, which can be used once.

    `sent_to` is the address it was emailed to.
    """

    __tablename__ = "one_time_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(32))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    sent_to: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    saved_second_factors: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The second factors before the email change that this token reverts."""


class AuthEvent(UUIDv7Base):
    """An audit event of an account, or of a row changed in the admin. No route changes or deletes events.

    Events outlive the user (anonymized) and the row they refer to.
    """

    __tablename__ = "auth_events"
    __table_args__ = (Index(None, "name", "id"), Index(None, "target_type", "target_id", "id"))

    at: Mapped[datetime] = mapped_column(default=utc_now)
    name: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    """The account the event is about."""
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    """The actor, if not the account's owner."""
    session_id: Mapped[UUID | None]
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(255), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")
    target_type: Mapped[str | None] = mapped_column(String(63))
    """The table of the affected row."""
    target_id: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True), default=dict)

    user: Mapped[User | None] = relationship(foreign_keys=user_id, lazy="raise")
    actor: Mapped[User | None] = relationship(foreign_keys=actor_id, lazy="raise")


def is_live(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition for active sessions."""
    return AuthSession.revoked_at.is_(None) & (AuthSession.expires_at > now) & (AuthSession.idle_expires_at > now)
