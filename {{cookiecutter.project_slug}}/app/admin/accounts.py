"""Accounts in the admin: users are managed, sessions are shown and can be ended."""

from collections.abc import Sequence
from typing import Any, ClassVar

from fastapi import Request
from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import joinedload
from starlette_admin.actions import ActionSelection, action, row_action
from starlette_admin.fields import BooleanField, DateTimeField, EmailField, PasswordField, StringField
from starlette_admin.flash import flash

from app.accounts import account, users
from app.accounts.dependencies import get_authenticator
from app.accounts.events import Event
from app.accounts.models import AuthSession, User, UserRole
from app.accounts.password_policy import PasswordTooCommon, PasswordTooShort
from app.accounts.permissions import Permission
from app.accounts.schemas import AccountUpdate
from app.accounts.sessions import is_live
from app.admin.events import record
from app.admin.panels import Chart, Figure, Panel, count_per_day, count_some
from app.admin.permissions import never
from app.admin.roles import PersonalView, RoleView, may_do_no_more, require_covered
from app.admin.saving import KEPT_BY_THE_DATABASE
from app.admin.user_actions import SecondFactorField, UserActions
from app.admin.views import ModelView
from app.database import utc_now


class UserView(UserActions):
    """People. Who is the last admin can be neither disabled, nor demoted, nor deleted."""

    model = User
    rules = AccountUpdate
    see_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    icon = "fa-solid fa-users"
    title_field = "email"
    fields = (
        "id",
        EmailField("email", "E-mail", required=True, maxlength=320, list_template="fields/list/text.html"),
        PasswordField("password", required=True, maxlength=4096, form_template="fields/new_password.html"),
        "display_name",
        BooleanField("is_active", "Active", default=True, help_text="Who is not active is signed out at once."),
        "roles",
        DateTimeField("last_login_at", "Last sign-in"),
        DateTimeField("email_verified_at", "E-mail verified"),
        "password_changed_at",
        SecondFactorField("second_factor", "Second factor", searchable=False, orderable=False),
        "created_at",
        "updated_at",
    )
    sortable_field_mapping: ClassVar = {"email": User.email_key}
    exclude_fields_from_list = (
        "id",
        "password",
        "email_verified_at",
        "password_changed_at",
        "second_factor",
        "updated_at",
    )
    exclude_fields_from_detail = ("password",)
    exclude_fields_from_export = ("password", "second_factor")
    exclude_fields_from_create = (
        *KEPT_BY_THE_DATABASE,
        "last_login_at",
        "email_verified_at",
        "password_changed_at",
        "second_factor",
    )
    exclude_fields_from_edit = (*exclude_fields_from_create, "email", "password")
    action_permissions: ClassVar = {"impersonate": Permission.USERS_IMPERSONATE}
    own_events = UserActions.own_events | {"roles"}
    deleted_event = Event.USER_DELETED
    problem_fields: ClassVar = {
        users.InvalidEmail: "email",
        users.EmailTaken: "email",
        PasswordTooShort: "password",
        PasswordTooCommon: "password",
    }
    delete_warning = "This deletes the person with everything that is theirs. To keep it, make them inactive instead."

    def get_list_query(self, request: Request) -> Select[Any]:
        """Load the roles for `may_change_row`, also where they are not shown."""
        return super().get_list_query(request).options(joinedload(User.roles))

    def may_change_row(self, request: Request, row: User) -> bool:
        """Leave who may do more than the visitor alone."""
        return may_do_no_more(request, row)

    async def validate(self, request: Request, data: dict[str, Any]) -> None:
        """Give no role that allows more than the visitor may do."""
        require_covered(request, data.get("roles", ()))
        await super().validate(request, data)

    async def panels(self, request: Request) -> list[Panel]:
        """Show how many came."""
        return [Chart("New people", await count_per_day(request.state.session, User, User.created_at))]

    async def create(self, request: Request, data: dict[str, Any]) -> User:
        """Make a user by the rules that hold everywhere; the library knows none of them."""
        session = request.state.session
        try:
            # First, while no transaction is open: see `authenticate` in app/accounts/service.py.
            user = await users.create_user(
                session, get_authenticator(request), email=data["email"], password=data["password"]
            )
            user.display_name, user.is_active = data["display_name"], data["is_active"]
            roles = (await self._arrange_data(request, data)).get("roles", [])
            require_covered(request, roles)
            session.add_all(UserRole(user_id=user.id, role_id=role.id) for role in roles)
            await session.flush()
            await record(request, Event.USER_CREATED, user.id, target=user, roles=[role.name for role in roles])
        except Exception as error:  # noqa: BLE001 - what is not a refusal is raised again
            await session.rollback()
            await self.handle_exception(request, error)
        await self._emit_after_create(request, user)
        return user

    async def before_edit(self, request: Request, data: dict[str, Any], obj: User) -> None:
        """Count the version up even when only the roles change, which are in a table of their own."""
        await super().before_edit(request, data, obj)
        obj.updated_at = utc_now()
        roles = inspect(obj).attrs.roles.history
        added, removed = [role.name for role in roles.added or ()], [role.name for role in roles.deleted or ()]
        if added or removed:
            await record(request, Event.ROLES_CHANGED, obj.id, target=obj, added=added, removed=removed)

    async def after_edit(self, request: Request, obj: User) -> None:
        """Keep an admin."""
        await super().after_edit(request, obj)
        await users.require_an_admin(request.state.session)

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Keep what happened, and nothing in it that tells of the people."""
        found = await self.find_by_pks(request, pks)
        await account.wipe_events(request.state.session, User.id.in_([user.id for user in found]))
        return await super().delete(request, pks)

    async def after_delete(self, request: Request, obj: User) -> None:
        """Keep an admin."""
        await super().after_delete(request, obj)
        await users.require_an_admin(request.state.session)


def _is_impersonated(request: Request, row: AuthSession) -> bool:  # noqa: ARG001 - the library gives it
    return row.impersonator_session_id is not None


class SessionView(PersonalView):
    """Where people are signed in."""

    model = AuthSession
    person = "user"
    see_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    people = ("user_id",)
    own_events = ModelView.own_events | {"end"}
    can_create = can_edit = can_delete = never
    key = "session"
    icon = "fa-solid fa-laptop"
    menu_label = "Sessions"
    display_name = "Session"
    title_field = "id"
    fields = (
        "id",
        "user",
        "kind",
        BooleanField(
            "impersonated", "By an admin", getter=_is_impersonated, filters=[], searchable=False, orderable=False
        ),
        DateTimeField("created_at", "Signed in"),
        DateTimeField("last_seen_at", "Last seen"),
        StringField("ip_last", "Address"),
        StringField("user_agent", "Program"),
        DateTimeField("expires_at", "Ends at the latest"),
        DateTimeField("revoked_at", "Ended"),
        StringField("revoked_reason", "Ended by"),
    )
    exclude_fields_from_list = ("id", "user_agent", "expires_at", "revoked_reason")

    async def panels(self, request: Request) -> list[Panel]:
        """Show how many go on."""
        live = select(AuthSession.id).where(is_live(utc_now()))
        return [Figure("Live sessions", await count_some(request.state.session, live))]

    @action("end", "End", "End these sessions? Whoever uses them is signed out at once.", icon_class="fa-solid fa-ban")
    async def end_action(self, request: Request, selection: ActionSelection) -> None:
        """End the chosen sessions."""
        await self._end(request, await selection.rows())

    @row_action("end", "End", "End this session? Whoever uses it is signed out at once.", icon_class="fa-solid fa-ban")
    async def end_row_action(self, request: Request, pk: str) -> None:
        """End one session."""
        await self._end(request, await self.find_by_pks(request, [pk]))

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: AuthSession) -> bool:
        """Offer no end to what has ended."""
        return (name != "end" or obj.revoked_at is None) and await super().is_row_action_allowed_for_obj(
            request, name, obj
        )

    async def _end(self, request: Request, rows: Sequence[AuthSession]) -> None:
        for row in rows:
            if row.revoked_at is None:
                row.revoked_at, row.revoked_reason = utc_now(), "admin"
                await record(request, Event.SESSION_ENDED, row.user_id, target=row, session_id=row.id)
        flash(request, f"Ended: {len(rows)}.", "success")


views: Sequence[type[ModelView]] = (UserView, RoleView, SessionView)
