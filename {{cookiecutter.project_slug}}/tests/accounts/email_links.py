"""Helpers for tests of emailed links."""

from typing import Any

from sqlalchemy import delete
from starlette.testclient import TestClient

from app.api.rate_limits import AttemptCount
from tests.support import PASSWORD, emails_to, in_database, link_in

LOGIN = "/api/v1/auth/login"
FORGOT = "/api/v1/auth/password/forgot"
RESET = "/api/v1/auth/password/reset"

NEW = "another good passphrase"
"""A new password."""


def token_of(email: str) -> str:
    """Return the token of the only link in an email."""
    return link_in(email).rpartition("/")[2]


def latest_token(client: TestClient, address: str) -> str:
    """Return the token last sent to an address."""
    return token_of(emails_to(client, address)[-1])


def subjects(client: TestClient, address: str) -> list[str]:
    """List the subjects of the emails to an address, oldest first."""
    return [mail.splitlines()[0].removeprefix("Subject: ") for mail in emails_to(client, address)]


def try_login(client: TestClient, email: str, password: str = PASSWORD) -> int:
    """Return the status of a sign-in."""
    return client.post(LOGIN, json={"email": email, "password": password}).status_code


def reset_rate_limits(client: TestClient) -> None:
    """Delete all rate limit counters."""
    in_database(client, lambda session: session.execute(delete(AttemptCount)))


def request_reset(client: TestClient, email: str) -> str:
    """Request a password reset and return the emailed token."""
    assert client.post(FORGOT, json={"email": email}).status_code == 202
    return latest_token(client, email)


def reset(client: TestClient, token: str, password: str = NEW) -> Any:
    """Set a new password with an emailed token."""
    return client.post(RESET, json={"token": token, "password": password})
