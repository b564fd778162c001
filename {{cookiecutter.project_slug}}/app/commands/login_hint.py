"""Where a person finds the project, as commands tell it."""

from importlib.util import find_spec

from app.settings.config import Settings


def login_hint(settings: Settings) -> str:
    """Say how to sign in: at the page, or by the route of a project without pages."""
    if find_spec("app.web"):
        return f"Sign in at {settings.base_url}login"
    return f"Sign in with POST {settings.base_url}api/v1/auth/login"
