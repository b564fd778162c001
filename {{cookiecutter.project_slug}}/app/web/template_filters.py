"""What the account's pages tell in plain words: what happened, on which device, and how long to wait."""

from collections.abc import Mapping
from math import ceil

from app.accounts.events import Event
from app.accounts.models import AuthEvent

EVENT_LABELS: Mapping[str, str] = {
    Event.USER_CREATED: "The account was made",
    Event.USER_DELETED: "The account was deleted",
    Event.EMAIL_VERIFIED: "The e-mail address was confirmed",
    Event.LOGIN_SUCCESS: "Signed in",
    Event.LOGIN_FAIL: "Someone tried to sign in and failed",
    Event.LOGIN_LOCK: "Signing in was closed for a while, after many failures",
    Event.LOGOUT: "Signed out",
    Event.TOKEN_REUSE: "A session was ended, because its token was used twice",
    Event.REAUTHENTICATED: "The password was entered once more",
    Event.PASSWORD_CHANGE: "The password was changed",
    Event.PASSWORD_RESET_ASKED: "A link to choose a new password was asked for",
    Event.PASSWORD_RESET: "A new password was chosen with a mailed link",
    Event.EMAIL_CHANGE_ASKED: "A change of the e-mail address was asked for",
    Event.EMAIL_CHANGED: "The e-mail address was changed",
    Event.EMAIL_CHANGE_CANCELLED: "A change of the e-mail address was stopped",
    Event.EMAIL_REVERTED: "The change of the e-mail address was taken back",
    Event.SESSION_ENDED: "A session was ended",
    Event.SECOND_FACTOR_ADDED: "A second factor was added",
    Event.SECOND_FACTOR_REMOVED: "The second factor was removed",
    Event.SECOND_FACTOR_FAIL: "A wrong code was entered",
    Event.RECOVERY_CODE_USED: "A recovery code was used",
    Event.KEY_CREATED: "An API key was made",
    Event.KEY_REVOKED: "An API key was revoked",
    Event.KEY_USED: "An API key was used",
    Event.ROLES_CHANGED: "The roles were changed",
    Event.DATA_EXPORTED: "The data of the account were downloaded",
    Event.USER_DISABLED: "The account was disabled",
    Event.USER_ENABLED: "The account was enabled",
    Event.IMPERSONATION_STARTED: "An administrator signed in as you",
    Event.IMPERSONATION_ENDED: "The administrator is not signed in as you any more",
}

# The first that is found counts: most browsers say that they are some others, too.
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
_LONGEST_AGENT = 60


def event_label(event: AuthEvent) -> str:
    """Say what an event was."""
    return EVENT_LABELS.get(event.name) or event.name.replace("_", " ").capitalize()


def device_label(user_agent: str) -> str:
    """Say which browser runs where, as far as what it says of itself can be understood."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    return user_agent[:_LONGEST_AGENT] or "Unknown device"


def format_wait(seconds: str) -> str:
    """Say how long that is."""
    minutes = ceil(int(seconds) / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
