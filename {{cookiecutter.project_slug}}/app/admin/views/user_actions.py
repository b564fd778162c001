"""What admins do to people beside editing them: sign them out, let them in or not, sign in as them."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from starlette_admin import RequestAction
from starlette_admin.actions import ActionSelection, action, link_row_action, row_action
from starlette_admin.fields import BooleanField
from starlette_admin.flash import flash

from app.accounts.api.dependencies import get_authenticator
from app.accounts.events import Event
from app.accounts.lifecycle import password_reset
from app.accounts.models import User
from app.accounts.permissions import ADMIN_ROLE
from app.accounts.sessions import revocation
from app.admin.base.audit_log import get_admin_client, record
from app.admin.base.model_view import ModelView

_ASK_RESET = (
    "Mail a link that sets a new password? The one in force stays until it is used. Then all sessions end and API keys "
    "are revoked."
)
_ASK_END = "End all their sessions? They are signed out at once, in browsers and programs; their API keys are revoked."
_ASK_DISABLE = "Disable? They are signed out at once, their API keys end, and they cannot sign in until enabled."
_ASK_FACTOR = (
    "Switch the second factor off? Signing in asks for the password alone until they set up another; they are signed "
    "out, and told by mail. Make sure that it is really they who ask for it."
)


class SecondFactorField(BooleanField):
    """Whether signing in asks for a second factor; the features that bring one are asked."""

    async def parse_obj(self, request: Request, obj: User) -> bool:
        """Ask them."""
        return await _has_second_factor(request, obj)


class UserActions(ModelView):
    """The actions of the view of users."""

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

    @action("reset", "Send reset mail", _ASK_RESET, icon_class="fa-solid fa-envelope")
    async def reset_action(self, request: Request, selection: ActionSelection) -> None:
        """Mail the chosen people a link that sets a new password."""
        await self._send_resets(request, await selection.rows())

    @row_action("reset", "Send reset mail", _ASK_RESET, icon_class="fa-solid fa-envelope")
    async def reset_row_action(self, request: Request, pk: str) -> None:
        """Mail one person a link that sets a new password."""
        await self._send_resets(request, await self.find_by_pks(request, [pk]))

    @action("end-sessions", "End all sessions", _ASK_END, icon_class="fa-solid fa-ban")
    async def end_sessions_action(self, request: Request, selection: ActionSelection) -> None:
        """Sign the chosen people out everywhere."""
        await self._end_sessions(request, await selection.rows())

    @row_action("end-sessions", "End all sessions", _ASK_END, icon_class="fa-solid fa-ban")
    async def end_sessions_row_action(self, request: Request, pk: str) -> None:
        """Sign one person out everywhere."""
        await self._end_sessions(request, await self.find_by_pks(request, [pk]))

    @action("disable", "Disable", _ASK_DISABLE, icon_class="fa-solid fa-user-slash")
    async def disable_action(self, request: Request, selection: ActionSelection) -> None:
        """Keep the chosen people out."""
        await self._switch(request, await selection.rows(), active=False)

    @row_action("disable", "Disable", _ASK_DISABLE, icon_class="fa-solid fa-user-slash")
    async def disable_row_action(self, request: Request, pk: str) -> None:
        """Keep one person out."""
        await self._switch(request, await self.find_by_pks(request, [pk]), active=False)

    @action("enable", "Enable", "Enable? They can sign in again.", icon_class="fa-solid fa-user-check")
    async def enable_action(self, request: Request, selection: ActionSelection) -> None:
        """Let the chosen people in again."""
        await self._switch(request, await selection.rows(), active=True)

    @row_action("enable", "Enable", "Enable? They can sign in again.", icon_class="fa-solid fa-user-check")
    async def enable_row_action(self, request: Request, pk: str) -> None:
        """Let one person in again."""
        await self._switch(request, await self.find_by_pks(request, [pk]), active=True)

    @row_action("second-factor", "Switch off second factor", _ASK_FACTOR, icon_class="fa-solid fa-mobile-screen")
    async def second_factor_row_action(self, request: Request, pk: str) -> None:
        """Take the second factor away from who has lost it."""
        session, authenticator = request.state.session, get_authenticator(request)
        user, client = await self.find_by_pk(request, pk), get_admin_client(request)
        for factor in authenticator.second_factors:
            if await factor.is_enabled(session, user.id):
                await factor.remove(session, authenticator, user, client)
        flash(request, "The second factor is off, and they are signed out.", "success")

    @link_row_action("impersonate", "Sign in as …", icon_class="fa-solid fa-user-secret")
    def impersonate_row_action(self, request: Request, pk: str) -> str:
        """Lead to the page that asks whether it is meant."""
        return f"{request.url_for('admin:impersonate')}?pk={pk}"

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: User) -> bool:
        """Offer what makes sense; whether someone has a second factor is looked up where only one row is shown."""
        match name:
            case "reset" | "disable":
                sensible = obj.is_active
            case "enable":
                sensible = not obj.is_active
            case "second-factor":
                sensible = request.state.action != RequestAction.LIST and await _has_second_factor(request, obj)
            case "impersonate":
                admin = any(role.name == ADMIN_ROLE for role in obj.roles)
                sensible = obj.is_active and not admin
            case _:
                sensible = True
        return sensible and await super().is_row_action_allowed_for_obj(request, name, obj)

    async def before_edit(self, request: Request, data: dict[str, Any], obj: User) -> None:  # noqa: ARG002
        """Do what comes with being disabled or enabled."""
        await self._set_active(request, obj, active=obj.is_active)

    async def _send_resets(self, request: Request, rows: Sequence[User]) -> None:
        active = [row for row in rows if row.is_active]
        for row in active:
            await password_reset.send_password_reset(request.state.session, get_authenticator(request), row)
            await record(request, Event.PASSWORD_RESET_ASKED, row.id, target=row)
        flash(request, f"Sent: {len(active)}.", "success")

    async def _end_sessions(self, request: Request, rows: Sequence[User]) -> None:
        session, authenticator, total = request.state.session, get_authenticator(request), 0
        for row in rows:
            if count := await revocation.revoke_all_credentials(
                session, authenticator, row.id, "admin", get_admin_client(request)
            ):
                await record(request, Event.SESSION_ENDED, row.id, target=row, sessions=count)
            total += count
        flash(request, f"Ended: {total}.", "success")

    async def _switch(self, request: Request, rows: Sequence[User], *, active: bool) -> None:
        changed = [await self._set_active(request, row, active=active) for row in rows]
        flash(request, f"{'Enabled' if active else 'Disabled'}: {sum(changed)}.", "success")

    async def _set_active(self, request: Request, user: User, *, active: bool) -> bool:
        session, authenticator = request.state.session, get_authenticator(request)
        return await revocation.set_active(session, authenticator, user, get_admin_client(request), active=active)


async def _has_second_factor(request: Request, user: User) -> bool:
    factors = get_authenticator(request).second_factors
    return any([await factor.is_enabled(request.state.session, user.id) for factor in factors])
