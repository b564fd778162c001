"""Labels for events, devices and durations on the account pages."""

from collections.abc import Mapping
from math import ceil

from app.accounts.events import Event
from app.accounts.schemas import EventRead

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
    Event.IMPERSONATION_STARTED: "An administrator signed in as you",
    Event.IMPERSONATION_ENDED: "The administrator's session ended",
}

# The first match wins: most user agents contain the names of other browsers, too.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
_MAX_LENGTH = 60


def event_label(event: EventRead) -> str:
    """Return the label of an event."""
    return EVENT_LABELS.get(event.name) or event.name.replace("_", " ").capitalize()


def device_label(user_agent: str) -> str:
    """Return browser and operating system of a user agent."""
    browser = next((name for token, name in _BROWSERS.items() if token in user_agent), None)
    system = next((name for token, name in _SYSTEMS.items() if token in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    return user_agent[:_MAX_LENGTH] or "Unknown device"


def format_wait(seconds: str) -> str:
    """Format a duration in seconds as minutes."""
    minutes = ceil(int(seconds) / 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
