"""Where a person finds the project, as commands tell it."""

from importlib.util import find_spec

from app.settings import Settings


def sign_in_url(settings: Settings) -> str:
    """Return where to sign in: the page, or the route of a project without pages."""
    return f"{settings.base_url}{'login' if find_spec('app.web') else 'api/v1/auth/login'}"
