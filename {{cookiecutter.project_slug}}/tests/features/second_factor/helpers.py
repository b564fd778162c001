"""Shared helpers of the two-factor authentication tests."""

from typing import Any

import pyotp
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, User
from app.database.base import utc_now
from app.features.second_factor.models import TotpSecret
from tests.support import PASSWORD, in_database

TOTP = "/api/v1/auth/totp"
CONFIRM = "/api/v1/auth/totp/confirm"
ANSWER = "/api/v1/auth/second-factor"
RECOVERY = "/api/v1/auth/recovery-codes"


def enable(caller: TestClient) -> tuple[str, list[str]]:
    """Enable it through the API; return the secret and the recovery codes."""
    started = caller.post(TOTP)
    assert started.status_code == 200, started.text
    secret: str = started.json()["secret"]
    confirmed = caller.post(CONFIRM, json={"code": current_code(secret)})
    assert confirmed.status_code == 200, confirmed.text
    allow_code_reuse(caller)
    codes: list[str] = confirmed.json()["recovery_codes"]
    return secret, codes


def current_code(secret: str) -> str:
    """Return the current code; it is valid for at least 30 seconds."""
    return pyotp.TOTP(secret).now()


def wrong_code(secret: str) -> str:
    """Return a code that is wrong now and in the adjacent time steps."""
    totp = pyotp.TOTP(secret)
    near = {totp.generate_otp(totp.timecode(utc_now()) + step) for step in range(-2, 4)}
    return next(code for code in (f"{number:06}" for number in range(10)) if code not in near)


def allow_code_reuse(client: TestClient) -> None:
    """Let the last code be used again, instead of waiting for the next one."""
    in_database(client, lambda session: session.execute(update(TotpSecret).values(last_used_step=0)))


def get_challenge(client: TestClient, user: User, password: str = PASSWORD) -> str:
    """Sign in with the password, and return the challenge."""
    response = client.post("/api/v1/auth/login", json={"email": user.email, "password": password})
    assert response.status_code == 200, response.text
    challenge: str = response.json()["challenge"]
    return challenge


def submit_code(client: TestClient, challenge: str, code: str) -> Any:
    """Complete a challenge with a code."""
    return client.post(ANSWER, json={"challenge": challenge, "code": code})


def event_names(client: TestClient, user: User) -> list[str]:
    """Return the names of the user's events, oldest first."""

    async def read(session: AsyncSession) -> list[str]:
        query = select(AuthEvent.name).where(AuthEvent.user_id == user.id).order_by(AuthEvent.id)
        return list(await session.scalars(query))

    return in_database(client, read)
