"""Actions on users: reset passwords, end sessions, disable and enable accounts, sign in as a user."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from starlette_admin import RequestAction
from starlette_admin.actions import link_row_action, row_action
from starlette_admin.fields import BooleanField
from starlette_admin.flash import flash

from app.accounts.api.dependencies import get_authenticator
from app.accounts.events import Event
from app.accounts.lifecycle import password_reset
from app.accounts.models import User
from app.accounts.permissions import ADMIN_ROLE
from app.accounts.sessions import revocation
from app.admin.base.actions import bulk_and_row_action
from app.admin.base.audit_log import get_admin_client, record
from app.admin.base.model_view import ModelView
from app.admin.urls import path_for
from app.i18n import gettext

_CONFIRM_RESET = (
    "Send a password reset email? The current password stays valid until the link is used. Then all sessions end "
    "and all API keys are revoked."
)
_CONFIRM_END = "End all sessions? The user is signed out everywhere and all API keys are revoked."
_CONFIRM_DISABLE = (
    "Disable this account? The user is signed out, all API keys are revoked, and they can't sign in until the "
    "account is enabled again."
)
_CONFIRM_ENABLE = "Enable this account? The user can sign in again."
_CONFIRM_FACTOR = (
    "Turn off two-factor authentication? The user can then sign in with only a password. They are signed out and "
    "notified by email. Verify their identity first."
)


class SecondFactorField(BooleanField):
    """Whether the user has a second factor, according to the features that provide one."""

    async def parse_obj(self, request: Request, obj: User) -> bool:
        """Return whether any feature has a second factor of the user."""
        return await _has_second_factor(request, obj)


class UserActions(ModelView):
    """Mixin of `UserView` with its actions."""

    fields: Sequence[Any] = ()
    detail_template = "user.html"
    audited_separately = ModelView.audited_separately | {
        "reset",
        "end-sessions",
        "disable",
        "enable",
        "is_active",
        "second-factor",
        "impersonate",
    }

    @bulk_and_row_action("reset", "Send password reset email", _CONFIRM_RESET, icon_class="fa-solid fa-envelope")
    async def reset_action(self, request: Request, rows: Sequence[User]) -> None:
        """Email a link to set a new password."""
        active = [row for row in rows if row.is_active]
        for row in active:
            await password_reset.send_password_reset(request.state.session, get_authenticator(request), row)
            await record(request, Event.PASSWORD_RESET_REQUESTED, row.id, target=row)
        flash(request, gettext("Sent: %(count)s.", count=len(active)), "success")

    @bulk_and_row_action("end-sessions", "End all sessions", _CONFIRM_END, icon_class="fa-solid fa-ban")
    async def end_sessions_action(self, request: Request, rows: Sequence[User]) -> None:
        """Sign users out everywhere."""
        session, authenticator, total = request.state.session, get_authenticator(request), 0
        for row in rows:
            if count := await revocation.revoke_all_credentials(
                session, authenticator, row.id, "admin", get_admin_client(request)
            ):
                await record(request, Event.SESSION_ENDED, row.id, target=row, sessions=count)
            total += count
        flash(request, gettext("Ended: %(count)s.", count=total), "success")

    @bulk_and_row_action("disable", "Disable", _CONFIRM_DISABLE, icon_class="fa-solid fa-user-slash")
    async def disable_action(self, request: Request, rows: Sequence[User]) -> None:
        """Disable accounts."""
        await self._set_all_active(request, rows, active=False)

    @bulk_and_row_action("enable", "Enable", _CONFIRM_ENABLE, icon_class="fa-solid fa-user-check")
    async def enable_action(self, request: Request, rows: Sequence[User]) -> None:
        """Enable accounts."""
        await self._set_all_active(request, rows, active=True)

    @row_action(
        "second-factor", "Turn off two-factor authentication", _CONFIRM_FACTOR, icon_class="fa-solid fa-mobile-screen"
    )
    async def second_factor_row_action(self, request: Request, pk: str) -> None:
        """Turn off two-factor authentication for a user who lost their second factor."""
        session, authenticator = request.state.session, get_authenticator(request)
        user, client = await self.find_by_pk(request, pk), get_admin_client(request)
        for factor in authenticator.second_factors:
            if await factor.is_enabled(session, user.id):
                await factor.remove(session, authenticator, user, client)
        flash(request, gettext("Two-factor authentication was turned off and the user was signed out."), "success")

    @link_row_action("impersonate", "Sign in as …", icon_class="fa-solid fa-user-secret")
    def impersonate_row_action(self, request: Request, pk: str) -> str:
        """Return the URL of the confirmation page."""
        return f"{path_for(request, 'admin:impersonate')}?pk={pk}"

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: User) -> bool:
        """Hide actions that don't apply. The second factor is looked up on the page of a user only, not in lists."""
        match name:
            case "reset" | "disable":
                applies = obj.is_active
            case "enable":
                applies = not obj.is_active
            case "second-factor":
                applies = request.state.action != RequestAction.LIST and await _has_second_factor(request, obj)
            case "impersonate":
                admin = any(role.name == ADMIN_ROLE for role in obj.roles)
                applies = obj.is_active and not admin
            case _:
                applies = True
        return applies and await super().is_row_action_allowed_for_obj(request, name, obj)

    async def before_edit(self, request: Request, data: dict[str, Any], obj: User) -> None:  # noqa: ARG002
        """Record that the form disabled or enabled the account; end the sessions of a disabled one."""
        await self._set_active(request, obj, active=obj.is_active)

    async def _set_all_active(self, request: Request, rows: Sequence[User], *, active: bool) -> None:
        changed = [await self._set_active(request, row, active=active) for row in rows]
        flash(
            request,
            gettext("Enabled: %(count)s.", count=sum(changed))
            if active
            else gettext("Disabled: %(count)s.", count=sum(changed)),
            "success",
        )

    async def _set_active(self, request: Request, user: User, *, active: bool) -> bool:
        session, authenticator = request.state.session, get_authenticator(request)
        return await revocation.set_active(session, authenticator, user, get_admin_client(request), active=active)


async def _has_second_factor(request: Request, user: User) -> bool:
    factors = get_authenticator(request).second_factors
    return any([await factor.is_enabled(request.state.session, user.id) for factor in factors])
