"""Labels of events, for the account pages and the admin."""

from collections.abc import Mapping

from app.accounts.events import Event
from app.i18n import gettext, gettext_noop

EVENT_LABELS: Mapping[str, str] = {
    Event.USER_CREATED: gettext_noop("Account created"),
    Event.USER_DELETED: gettext_noop("Account deleted"),
    Event.EMAIL_VERIFIED: gettext_noop("Email address confirmed"),
    Event.LOGIN_SUCCESS: gettext_noop("Signed in"),
    Event.LOGIN_FAIL: gettext_noop("Failed sign-in"),
    Event.LOGIN_LOCK: gettext_noop("Sign-in temporarily blocked after repeated failures"),
    Event.LOGOUT: gettext_noop("Signed out"),
    Event.TOKEN_REUSE: gettext_noop("Session revoked: its refresh token was reused"),
    Event.REAUTHENTICATED: gettext_noop("Password confirmed"),
    Event.PASSWORD_CHANGE: gettext_noop("Password changed"),
    Event.PASSWORD_RESET_REQUESTED: gettext_noop("Password reset requested"),
    Event.PASSWORD_RESET: gettext_noop("Password reset"),
    Event.EMAIL_CHANGE_REQUESTED: gettext_noop("Email change requested"),
    Event.EMAIL_CHANGED: gettext_noop("Email address changed"),
    Event.EMAIL_CHANGE_CANCELED: gettext_noop("Email change canceled"),
    Event.EMAIL_REVERTED: gettext_noop("Email change reverted"),
    Event.SESSION_ENDED: gettext_noop("Session ended"),
    Event.SECOND_FACTOR_ADDED: gettext_noop("Two-factor authentication enabled"),
    Event.SECOND_FACTOR_REMOVED: gettext_noop("Two-factor authentication disabled"),
    Event.SECOND_FACTOR_FAIL: gettext_noop("Incorrect verification code"),
    Event.RECOVERY_CODES_GENERATED: gettext_noop("Recovery codes replaced"),
    Event.RECOVERY_CODE_USED: gettext_noop("Recovery code used"),
    Event.KEY_CREATED: gettext_noop("API key created"),
    Event.KEY_REVOKED: gettext_noop("API key revoked"),
    Event.KEY_USED: gettext_noop("API key used"),
    Event.ROLES_CHANGED: gettext_noop("Roles changed"),
    Event.DATA_EXPORTED: gettext_noop("Account data downloaded"),
    Event.USER_DISABLED: gettext_noop("Account disabled"),
    Event.USER_ENABLED: gettext_noop("Account enabled"),
    Event.IMPERSONATION_STARTED: gettext_noop("Impersonation started"),
    Event.IMPERSONATION_ENDED: gettext_noop("Impersonation ended"),
    Event.ROW_CREATED: gettext_noop("Record created"),
    Event.ROW_CHANGED: gettext_noop("Record changed"),
    Event.ROW_DELETED: gettext_noop("Record deleted"),
    Event.ROWS_EXPORTED: gettext_noop("Records exported"),
    Event.ROWS_IMPORTED: gettext_noop("Records imported"),
    Event.ADMIN_ACTION: gettext_noop("Action in the admin"),
}


def label_of(name: str) -> str:
    """Return the label of an event, or its name as words."""
    return gettext(EVENT_LABELS.get(name) or name.replace("_", " ").capitalize())
