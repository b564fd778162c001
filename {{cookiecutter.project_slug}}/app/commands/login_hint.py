"""URLs that commands print."""

from importlib.util import find_spec

from app.settings.config import Settings


def login_hint(settings: Settings) -> str:
    """Return how to sign in: the page's URL, or the API route if there are no pages."""
    if find_spec("app.web"):
        return f"Sign in at {settings.base_url}login"
    return f"Sign in with POST {settings.base_url}api/v1/auth/login"
