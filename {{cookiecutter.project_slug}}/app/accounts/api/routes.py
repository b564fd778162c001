"""API router for accounts, and the JWKS endpoint."""

from fastapi import APIRouter, Response

from app.accounts.api import routes_account, routes_cookie, routes_login, routes_signup
from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.schemas import JsonWebKeySet

routers = (routes_signup.router, routes_login.router, routes_cookie.router, routes_account.router)

jwks_router = APIRouter(tags=["auth"])


@jwks_router.get("/.well-known/jwks.json")
async def read_jwks(authenticator: AuthenticatorDep, response: Response) -> JsonWebKeySet:
    """Get the public keys that verify access tokens. A JWK Set, RFC 7517."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return JsonWebKeySet.model_validate(authenticator.tokens.jwks())
