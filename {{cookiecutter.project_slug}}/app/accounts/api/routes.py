"""API router for accounts, and the JWKS endpoint."""

from typing import Any

from fastapi import APIRouter, Response

from app.accounts.api import routes_account, routes_cookie, routes_login, routes_signup
from app.accounts.api.dependencies import AuthenticatorDep

routers = (routes_signup.router, routes_login.router, routes_cookie.router, routes_account.router)

jwks_router = APIRouter(tags=["auth"])


@jwks_router.get("/.well-known/jwks.json")
async def read_jwks(authenticator: AuthenticatorDep, response: Response) -> dict[str, Any]:
    """Get the public keys that verify access tokens. A JWK Set, RFC 7517."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return authenticator.tokens.jwks()
