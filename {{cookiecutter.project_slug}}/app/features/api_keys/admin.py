"""Admin view for API keys. Keys can be revoked; their values are never shown."""

from collections.abc import Sequence

from fastapi import Request
from sqlalchemy import ColumnElement
from starlette_admin.fields import DateTimeField, StringField, TagsField
from starlette_admin.flash import flash

from app.accounts.api.dependencies import get_client
from app.accounts.models import User
from app.accounts.permissions import Permission
from app.admin.auth import get_visitor
from app.admin.base.actions import bulk_and_row_action
from app.admin.base.menu import PEOPLE
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import never
from app.admin.views.roles import PERMISSIONS_IN_WORDS, UserOwnedView
from app.database.search import contains
from app.features.api_keys import service
from app.features.api_keys.models import ApiKey
from app.i18n import gettext

_CONFIRMATION = "Revoke this API key? Clients that use it lose access immediately."


class ApiKeyView(UserOwnedView):
    """API keys of all users, identified by their prefixes."""

    model = ApiKey
    view_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    audited_separately = ModelView.audited_separately | {"revoke"}
    can_create = can_edit = can_delete = never
    key = "api-key"
    section = PEOPLE
    icon = "fa-solid fa-plug"
    menu_label = "API keys"
    display_name = "API key"
    title_field = "prefix"
    fields = (
        "id",
        "prefix",
        "name",
        "owner",
        TagsField("scopes", formatter=PERMISSIONS_IN_WORDS),
        "created_at",
        "expires_at",
        DateTimeField("last_used_at", "Last used"),
        StringField("last_used_ip", "IP address"),
        DateTimeField("revoked_at", "Revoked"),
    )
    list_columns = ("prefix", "name", "owner", "expires_at", "last_used_at", "revoked_at")
    exclude_fields_from_list = ("id", "created_at", "last_used_ip")

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search the keys and their owners' email addresses."""
        return super().get_search_query(request, term) | ApiKey.owner.has(contains(User.email, term))

    @bulk_and_row_action("revoke", "Revoke", _CONFIRMATION, icon_class="fa-solid fa-ban")
    async def revoke_action(self, request: Request, rows: Sequence[ApiKey]) -> None:
        """Revoke keys."""
        client = get_client(request)
        for row in rows:
            await service.revoke_key(request.state.session, row, client, actor_id=get_visitor(request).user_id)
        flash(request, gettext("The selected API keys are revoked."), "success")

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: ApiKey) -> bool:
        """Hide the action for revoked keys."""
        return (name != "revoke" or obj.revoked_at is None) and await super().is_row_action_allowed_for_obj(
            request, name, obj
        )


views: list[type[ModelView]] = [ApiKeyView]
