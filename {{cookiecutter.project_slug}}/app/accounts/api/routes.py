"""Accounts over HTTP: the routers of all parts, and the public keys."""

from typing import Any

from fastapi import APIRouter, Response

from app.accounts.api import routes_account, routes_login, routes_signup
from app.accounts.api.dependencies import AuthenticatorDep

routers = (routes_account.router, routes_login.router, routes_signup.router)

jwks_router = APIRouter(tags=["auth"])


@jwks_router.get("/.well-known/jwks.json")
async def read_jwks(authenticator: AuthenticatorDep, response: Response) -> dict[str, Any]:
    """Read the public keys that verify access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return authenticator.tokens.jwks()
