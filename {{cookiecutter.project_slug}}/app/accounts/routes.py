"""Accounts over HTTP: the routers of all parts, and the public keys."""

from typing import Any

from fastapi import APIRouter, Response

from app.accounts import routes_account, routes_login, routes_signup
from app.accounts.dependencies import AuthenticatorDep

routers = (routes_account.router, routes_login.router, routes_signup.router)

keys_router = APIRouter(tags=["auth"])


@keys_router.get("/.well-known/jwks.json")
async def read_keys(authenticator: AuthenticatorDep, response: Response) -> dict[str, Any]:
    """Read the public keys that verify access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return authenticator.tokens.jwks()
