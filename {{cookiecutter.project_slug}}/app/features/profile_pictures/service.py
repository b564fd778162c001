"""Business logic and access rules of profile pictures."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.accounts.permissions import Permission
from app.accounts.scope import Scope
from app.accounts.users import users_for
from app.errors import NotFound
from app.features.profile_pictures.models import ProfilePicture
from app.files.media_types import IMAGES
from app.files.models import File
from app.files.rules import FileRules
from app.files.uploads import discard_file

RULES = FileRules(max_bytes=5_000_000, types=IMAGES, max_side=1024, thumbnails=(96,))


class ProfilePictureNotFound(NotFound):
    """The user has no picture, doesn't exist, or isn't visible to the caller."""

    title = "Profile picture not found"


def pictures_for(scope: Scope) -> Select[ProfilePicture]:
    """Select the pictures that the caller may see: their own, and those of the users they see."""
    if scope.has_permission(Permission.USERS_READ):
        return select(ProfilePicture)
    visible = users_for(scope).with_only_columns(User.id)
    return select(ProfilePicture).where(
        (ProfilePicture.owner_id == scope.user_id) | ProfilePicture.owner_id.in_(visible)
    )


async def get_picture(session: AsyncSession, scope: Scope, user_id: UUID) -> File:
    """Return the picture of a user.

    Raises:
        ProfilePictureNotFound: when there is none that the caller may see.
    """
    file_ids = pictures_for(scope).where(ProfilePicture.owner_id == user_id).with_only_columns(ProfilePicture.file_id)
    file: File | None = await session.scalar(select(File).where(File.id.in_(file_ids)))
    if file is None:
        raise ProfilePictureNotFound
    return file


async def set_picture(session: AsyncSession, scope: Scope, file: File) -> None:
    """Make a received file the caller's picture, and discard the previous one."""
    await _remove(session, scope)
    session.add(ProfilePicture(owner_id=scope.user_id, file_id=file.id))
    await session.flush()


async def delete_picture(session: AsyncSession, scope: Scope) -> None:
    """Delete the caller's picture.

    Raises:
        ProfilePictureNotFound: when they have none.
    """
    if not await _remove(session, scope):
        raise ProfilePictureNotFound


async def _remove(session: AsyncSession, scope: Scope) -> bool:
    # The lock serializes concurrent uploads, each of which would otherwise add a picture.
    await session.execute(select(User.id).where(User.id == scope.user_id).with_for_update(key_share=True))
    picture = await session.scalar(select(ProfilePicture).where(ProfilePicture.owner_id == scope.user_id))
    if picture is None:
        return False
    await session.delete(picture)
    await session.flush()
    await discard_file(session, picture.file_id)
    return True
