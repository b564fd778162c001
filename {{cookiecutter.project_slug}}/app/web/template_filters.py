"""Labels for events, devices and durations on the account pages."""

from collections.abc import Mapping
from math import ceil

from app.accounts.event_labels import label_of
from app.accounts.events import Event
from app.accounts.schemas import EventRead
from app.database.titles import label_of_name
from app.i18n import gettext, gettext_noop, ngettext

_LABELS_FOR_USER: Mapping[str, str] = {
    Event.IMPERSONATION_STARTED: gettext_noop("An administrator signed in as you"),
    Event.IMPERSONATION_ENDED: gettext_noop("The administrator's session ended"),
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
    """Return the label of an event for its user."""
    own = _LABELS_FOR_USER.get(event.name)
    return gettext(own) if own else label_of(event.name)


def field_label(name: str) -> str:
    """Return a field's name in words: `maker_id` is "Maker"."""
    return gettext(label_of_name(name.removesuffix("_id")))


def device_label(user_agent: str) -> str:
    """Return browser and operating system of a user agent."""
    browser = next((name for token, name in _BROWSERS.items() if token in user_agent), None)
    system = next((name for token, name in _SYSTEMS.items() if token in user_agent), None)
    if browser and system:
        return gettext("%(browser)s on %(system)s", browser=browser, system=system)
    return user_agent[:_MAX_LENGTH] or gettext("Unknown device")


def format_wait(seconds: str) -> str:
    """Format a duration in seconds as minutes."""
    minutes = ceil(int(seconds) / 60)
    return ngettext("%(num)s minute", "%(num)s minutes", minutes)
