"""API routes for API keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from app.accounts.api.dependencies import (
    AuthenticatorDep,
    ClientDep,
    InvalidToken,
    RecentScope,
    SessionRequired,
    SessionScope,
)
from app.accounts.sessions.reauth import ReauthenticationRequired
from app.api.dependencies import SessionDep
from app.api.error_handlers import openapi_responses
from app.features.api_keys import service
from app.features.api_keys.models import ApiKey
from app.features.api_keys.schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyRead, ApiKeys
from app.features.api_keys.service import ApiKeyNotFound, ScopeNotAllowed, TooManyApiKeys

router = APIRouter(
    prefix="/auth/api-keys", tags=["api keys"], responses=openapi_responses(InvalidToken, SessionRequired)
)


async def get_key(session: SessionDep, scope: RecentScope, key_id: UUID) -> ApiKey:
    """Return the key from the path."""
    return await service.get_key(session, scope, key_id)


@router.get("")
async def list_api_keys(session: SessionDep, scope: SessionScope) -> ApiKeys:
    """List your API keys, newest first, without revoked ones."""
    keys = await service.list_keys(session, scope)
    return ApiKeys(items=[ApiKeyRead.model_validate(key) for key in keys])


@router.post(
    "",
    status_code=201,
    responses=openapi_responses(
        InvalidToken, ReauthenticationRequired, SessionRequired, ScopeNotAllowed, TooManyApiKeys
    ),
)
async def create_api_key(
    session: SessionDep, authenticator: AuthenticatorDep, scope: RecentScope, client: ClientDep, data: ApiKeyCreate
) -> ApiKeyCreated:
    """Create an API key. Send it with each request as `Authorization: Bearer app_…`.

    The key is returned only in this response. The scopes `read` and `write` grant access to everything you can read
    and change; you can also grant permissions that you have. API keys can't access your password, sessions or API
    keys.
    """
    key, raw = await service.create_key(session, authenticator, scope, data, client)
    return ApiKeyCreated(**ApiKeyRead.model_validate(key).model_dump(), key=raw)


@router.delete(
    "/{key_id}",
    status_code=204,
    responses=openapi_responses(InvalidToken, ReauthenticationRequired, SessionRequired, ApiKeyNotFound),
)
async def revoke_api_key(session: SessionDep, client: ClientDep, key: Annotated[ApiKey, Depends(get_key)]) -> None:
    """Revoke one of your API keys. It becomes invalid immediately."""
    await service.revoke_key(session, key, client)
