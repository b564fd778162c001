"""A dependency for the caller that is also the security scheme of the API."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from fastapi.openapi.models import HTTPBearer
from fastapi.requests import HTTPConnection
from fastapi.security.base import SecurityBase

from app.accounts.scope import Scope

S = TypeVar("S", bound=Scope | None)


class CallerDependency(SecurityBase, Generic[S]):
    """Decorator: makes a function a dependency, and the bearer token the security scheme of its routes in OpenAPI.

    One dependency instead of a chain, because each adds overhead to every request. Tests can override it by its name:
    `app.dependency_overrides[get_scope] = …`.
    """

    scheme_name = "HTTPBearer"
    model = HTTPBearer(bearerFormat="JWT", description="Access token from `POST /api/v1/auth/login`.")

    def __init__(self, get_caller: Callable[[HTTPConnection], Awaitable[S]]) -> None:
        self._get_caller = get_caller

    async def __call__(self, connection: HTTPConnection) -> S:
        """Return the caller."""
        return await self._get_caller(connection)
