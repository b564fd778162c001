"""Admin view for users."""

from typing import Any, ClassVar

from fastapi import Request
from sqlalchemy import Select, inspect
from sqlalchemy.orm import joinedload
from starlette_admin.fields import BooleanField, DateTimeField, EmailField, EnumField, PasswordField

from app.accounts import users
from app.accounts.api.dependencies import get_authenticator
from app.accounts.credentials.password_policy import PasswordTooCommon, PasswordTooShort
from app.accounts.email_addresses import InvalidEmail
from app.accounts.events import Event
from app.accounts.lifecycle import personal_data
from app.accounts.models import User, UserRole
from app.accounts.permissions import Permission
from app.accounts.schemas import AccountUpdate
from app.admin.base.audit_log import record
from app.admin.base.dashboard import Chart, Panel, count_per_day
from app.admin.base.menu import PEOPLE
from app.admin.base.saving import READONLY_FIELDS
from app.admin.views.roles import forbid_privilege_escalation, has_no_more_permissions
from app.admin.views.user_actions import SecondFactorField, UserActions
from app.database.base import utc_now
from app.i18n import available_locales, describe_language, gettext


def _languages(request: Request) -> list[tuple[str, str]]:  # noqa: ARG001 - passed by the library
    return [(code, describe_language(code).name) for code in available_locales()]


class UserView(UserActions):
    """Users. The last active admin can't be disabled, demoted or deleted."""

    model = User
    schema = AccountUpdate
    view_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    section = PEOPLE
    icon = "fa-solid fa-users"
    title_field = "email"
    fields = (
        "id",
        EmailField("email", "Email", required=True, maxlength=320, list_template="fields/list/text.html"),
        PasswordField("password", required=True, maxlength=4096, form_template="fields/new_password.html"),
        "display_name",
        EnumField(
            "locale",
            "Language",
            choices_loader=_languages,
            help_text="Language of pages and emails; the browser's if none is selected.",
        ),
        BooleanField("is_active", "Active", default=True, help_text="Disabling a user signs them out immediately."),
        "roles",
        DateTimeField("last_login_at", "Last sign-in"),
        DateTimeField("email_verified_at", "Email verified"),
        "password_changed_at",
        SecondFactorField("second_factor", "Two-factor authentication", searchable=False, orderable=False),
        "created_at",
        "updated_at",
    )
    sortable_field_mapping: ClassVar = {"email": User.email_key}
    exclude_fields_from_list = (
        "id",
        "password",
        "locale",
        "email_verified_at",
        "password_changed_at",
        "second_factor",
        "updated_at",
    )
    exclude_fields_from_detail = ("password",)
    exclude_fields_from_export = ("password", "second_factor")
    exclude_fields_from_create = (
        *READONLY_FIELDS,
        "last_login_at",
        "email_verified_at",
        "password_changed_at",
        "second_factor",
    )
    exclude_fields_from_edit = (*exclude_fields_from_create, "email", "password")
    action_permissions: ClassVar = {"impersonate": Permission.USERS_IMPERSONATE}
    audited_separately = UserActions.audited_separately | {"roles"}
    delete_event = Event.USER_DELETED
    problem_fields: ClassVar = {
        InvalidEmail: "email",
        users.EmailTaken: "email",
        PasswordTooShort: "password",
        PasswordTooCommon: "password",
    }
    delete_warning = "This deletes the user and all their data. To keep the data, disable the account instead."

    def get_list_query(self, request: Request) -> Select[Any]:
        """Load the roles for `can_change_row`, even if they aren't displayed."""
        return super().get_list_query(request).options(joinedload(User.roles))

    def can_change_row(self, request: Request, row: User) -> bool:
        """Prevent changes to users with more permissions than the current user."""
        return has_no_more_permissions(request, row)

    async def validate(self, request: Request, data: dict[str, Any]) -> None:
        """Prevent granting roles with more permissions than the current user has."""
        forbid_privilege_escalation(request, data.get("roles", ()))
        await super().validate(request, data)

    async def panels(self, request: Request) -> list[Panel]:
        """Return a chart of new users."""
        return [Chart(gettext("New users"), await count_per_day(request.state.session, User, User.created_at))]

    async def create(self, request: Request, data: dict[str, Any]) -> User:
        """Create a user by the same rules as the API, instead of the library's `create`."""
        session = request.state.session
        try:
            # First, outside a transaction: see `authenticate` in app/accounts/sessions/login.py.
            user = await users.create_user(
                session, get_authenticator(request), email=data["email"], password=data["password"]
            )
            for name in AccountUpdate.model_fields.keys() & data.keys():
                setattr(user, name, data[name])
            user.is_active = data["is_active"]
            roles = (await self._arrange_data(request, data)).get("roles", [])
            forbid_privilege_escalation(request, roles)
            session.add_all(UserRole(user_id=user.id, role_id=role.id) for role in roles)
            await session.flush()
            await record(request, Event.USER_CREATED, user.id, target=user, roles=[role.name for role in roles])
        except Exception as error:  # noqa: BLE001 - `handle_exception` reraises unexpected errors
            await session.rollback()
            await self.handle_exception(request, error)
        await self._emit_after_create(request, user)
        return user

    async def before_edit(self, request: Request, data: dict[str, Any], obj: User) -> None:
        """Record changed roles, and increment the version even if only the roles change, which are in another table."""
        await super().before_edit(request, data, obj)
        obj.updated_at = utc_now()
        roles = inspect(obj).attrs.roles.history
        added, removed = [role.name for role in roles.added or ()], [role.name for role in roles.deleted or ()]
        if added or removed:
            await record(request, Event.ROLES_CHANGED, obj.id, target=obj, added=added, removed=removed)

    async def after_edit(self, request: Request, obj: User) -> None:
        """Require that an active admin remains."""
        await super().after_edit(request, obj)
        await users.require_active_admin(request.state.session)

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Delete users. Their events remain, without personal data."""
        found = await self.find_by_pks(request, pks)
        await personal_data.anonymize_events(request.state.session, User.id.in_([user.id for user in found]))
        return await super().delete(request, pks)

    async def after_delete(self, request: Request, obj: User) -> None:
        """Require that an active admin remains."""
        await super().after_delete(request, obj)
        await users.require_active_admin(request.state.session)
