"""Tokens of all contestants: JWTs signed with one secret, verified on each request."""

import os
import time
from uuid import UUID

import jwt

SECRET = os.environ["SECRET_KEY"]
LIFE_SECONDS = 8 * 60 * 60


class InvalidToken(Exception):
    """The token is missing or invalid."""


def issue(user_id: UUID) -> str:
    """Return a token for a user."""
    claims = {"sub": str(user_id), "exp": int(time.time()) + LIFE_SECONDS}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def verify(token: str) -> UUID:
    """Return the ID of the token's user.

    Raises:
        InvalidToken: when it is not ours, or its time is over.
    """
    try:
        return UUID(jwt.decode(token, SECRET, algorithms=["HS256"])["sub"])
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidToken from error


def verify_header(value: str | None) -> UUID:
    """Do the same for an Authorization header.

    Raises:
        InvalidToken: also when there is none.
    """
    scheme, _, token = (value or "").partition(" ")
    if scheme != "Bearer":
        raise InvalidToken
    return verify(token)
