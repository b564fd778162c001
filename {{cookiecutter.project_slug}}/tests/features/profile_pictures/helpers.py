"""Shared helpers of the profile picture tests."""

from typing import Any

from httpx2 import Response
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.features.profile_pictures.models import ProfilePicture
from app.files.models import File, FileState
from tests.files.helpers import image_bytes
from tests.support import in_database

MINE = "/api/v1/users/me/picture"
PICTURES = "/api/v1/users/{user_id}/picture"


def upload(caller: TestClient, content: bytes | None = None, name: str = "me.png") -> Response:
    """Upload a profile picture through the API; without content, a new image."""
    sent = image_bytes("PNG", 40, 30) if content is None else content
    return caller.put(MINE, files={"picture": (name, sent, "image/png")})


def count_rows(client: TestClient) -> tuple[int, int]:
    """Return the number of profile pictures and of files in use."""

    async def count(session: Any) -> tuple[int, int]:
        files = select(func.count(File.id)).where(File.state == FileState.READY)
        return await session.scalar(select(func.count(ProfilePicture.id))), await session.scalar(files)

    return in_database(client, count)
