"""Labels of events, for the account pages and the admin."""

from collections.abc import Mapping

from app.accounts.events import Event

EVENT_LABELS: Mapping[str, str] = {
    Event.USER_CREATED: "Account created",
    Event.USER_DELETED: "Account deleted",
    Event.EMAIL_VERIFIED: "Email address confirmed",
    Event.LOGIN_SUCCESS: "Signed in",
    Event.LOGIN_FAIL: "Failed sign-in",
    Event.LOGIN_LOCK: "Sign-in temporarily blocked after repeated failures",
    Event.LOGOUT: "Signed out",
    Event.TOKEN_REUSE: "Session revoked: its refresh token was reused",
    Event.REAUTHENTICATED: "Password confirmed",
    Event.PASSWORD_CHANGE: "Password changed",
    Event.PASSWORD_RESET_REQUESTED: "Password reset requested",
    Event.PASSWORD_RESET: "Password reset",
    Event.EMAIL_CHANGE_REQUESTED: "Email change requested",
    Event.EMAIL_CHANGED: "Email address changed",
    Event.EMAIL_CHANGE_CANCELED: "Email change canceled",
    Event.EMAIL_REVERTED: "Email change reverted",
    Event.SESSION_ENDED: "Session ended",
    Event.SECOND_FACTOR_ADDED: "Two-factor authentication enabled",
    Event.SECOND_FACTOR_REMOVED: "Two-factor authentication disabled",
    Event.SECOND_FACTOR_FAIL: "Incorrect verification code",
    Event.RECOVERY_CODES_GENERATED: "Recovery codes replaced",
    Event.RECOVERY_CODE_USED: "Recovery code used",
    Event.KEY_CREATED: "API key created",
    Event.KEY_REVOKED: "API key revoked",
    Event.KEY_USED: "API key used",
    Event.ROLES_CHANGED: "Roles changed",
    Event.DATA_EXPORTED: "Account data downloaded",
    Event.USER_DISABLED: "Account disabled",
    Event.USER_ENABLED: "Account enabled",
    Event.IMPERSONATION_STARTED: "Impersonation started",
    Event.IMPERSONATION_ENDED: "Impersonation ended",
    Event.ROW_CREATED: "Record created",
    Event.ROW_CHANGED: "Record changed",
    Event.ROW_DELETED: "Record deleted",
    Event.ROWS_EXPORTED: "Records exported",
    Event.ROWS_IMPORTED: "Records imported",
    Event.ADMIN_ACTION: "Action in the admin",
}


def label_of(name: str) -> str:
    """Return the label of an event, or its name as words."""
    return EVENT_LABELS.get(name) or name.replace("_", " ").capitalize()
