"""Your own account over HTTP."""

from fastapi import APIRouter, Response

from app.accounts import users
from app.accounts.dependencies import CurrentScope, InvalidToken
from app.accounts.models import User
from app.accounts.schemas import AccountRead, AccountUpdate
from app.database import SessionDep
from app.errors import VersionConflict, documented
from app.http import IfMatch, check_version, tagged

router = APIRouter(prefix="/users/me", tags=["users"])


@router.get("", response_model=AccountRead, responses=documented(InvalidToken))
async def read_account(session: SessionDep, scope: CurrentScope, response: Response) -> User:
    """Read your account."""
    return tagged(response, await users.get_account(session, scope))


@router.patch("", response_model=AccountRead, responses=documented(InvalidToken, VersionConflict))
async def update_account(
    session: SessionDep,
    scope: CurrentScope,
    response: Response,
    data: AccountUpdate,
    if_match: IfMatch = None,
) -> User:
    """Change the fields you send; the others keep their values."""
    check_version(await users.get_account(session, scope), if_match)
    return tagged(response, await users.update_account(session, scope, data))
