"""Admin view for profile pictures. They can be deleted; the page of a user shows theirs."""

from typing import Any

from fastapi import Request
from starlette_admin.fields import ImageField

from app.accounts.permissions import Permission
from app.admin.base.menu import PEOPLE
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.admin.urls import path_for
from app.admin.views.roles import UserOwnedView
from app.features.profile_pictures.models import ProfilePicture
from app.files.uploads import discard_file


class PictureField(ImageField):
    """The picture, from the route that pages show it with."""

    async def parse_obj(self, request: Request, obj: ProfilePicture) -> dict[str, str]:
        """Return the URL, and the text for screen readers."""
        return {"url": picture_url(request, obj.owner_id), "filename": self.label or ""}


class ProfilePictureView(UserOwnedView):
    """Profile pictures of all users."""

    model = ProfilePicture
    view_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    can_create = can_edit = never
    section = PEOPLE
    icon = "fa-solid fa-image-portrait"
    title_field = "id"
    fields = ("id", PictureField("picture", searchable=False, orderable=False), "owner", "created_at")
    exclude_fields_from_export = ("picture",)

    def image_of_user(self, request: Request, user_id: str) -> str:
        """Return the URL of the image on the page of a user."""
        return picture_url(request, user_id)

    async def after_delete(self, request: Request, obj: ProfilePicture) -> None:
        """Delete the file with the row."""
        await super().after_delete(request, obj)
        await discard_file(request.state.session, obj.file_id)


def picture_url(request: Request, user_id: Any) -> str:  # noqa: ANN401 - a UUID or its text
    """Return the URL of a user's picture, or of the placeholder."""
    return path_for(request, "read_picture_of_user", user_id=str(user_id))


views: list[type[ModelView]] = [ProfilePictureView]
