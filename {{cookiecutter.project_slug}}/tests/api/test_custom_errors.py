"""Routes whose errors have a format of their own."""

from collections.abc import Callable
from uuid import UUID

import pytest
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from app.accounts.api.dependencies import CurrentScope
from app.accounts.models import Role, UserRole
from app.api.dependencies import SessionDep
from app.api.error_handlers import CustomErrorRoute, ProblemDetails
from app.errors import Conflict
from tests.support import in_database

pytestmark = pytest.mark.any_database

PATH = "/api/custom"


class Shop(CustomErrorRoute):
    """Reports every error as 422, or 500 for bugs."""

    def error_response(self, problem: ProblemDetails) -> JSONResponse:
        """Return the response for an error."""
        return JSONResponse({"oops": problem.title, "fields": [*problem.messages]}, max(422, problem.status))


@pytest.fixture
def shop(add_routes: Callable[[APIRouter], None]) -> None:
    """Add routes that fail in different ways."""
    router = APIRouter(prefix=PATH, route_class=Shop)

    @router.get("/conflict")
    async def conflict() -> None:
        raise Conflict

    @router.get("/http")
    async def http() -> None:
        raise HTTPException(418)

    @router.get("/bug")
    async def bug() -> None:
        raise LookupError("secret")

    @router.get("/private")
    async def private(scope: CurrentScope) -> str:
        return scope.email

    @router.get("/double")
    async def double(number: int) -> int:
        return 2 * number

    @router.post("/commit")
    async def commit(session: SessionDep, fails: bool) -> None:  # noqa: FBT001 - a query parameter
        session.add(Role(name="new", permissions=[]))
        if fails:
            session.add(UserRole(user_id=UUID(int=7), role_id=UUID(int=7)))

    add_routes(router)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("path", "status", "title", "fields"),
    [
        ("conflict", 422, "Conflict", []),
        ("http", 422, "I'm a Teapot", []),
        ("bug", 500, "Internal server error", []),
        ("private", 422, "Unauthorized", []),
        ("double?number=x", 422, "Invalid request", ["number"]),
        ("conflict?colour=red", 422, "Invalid request", ["colour"]),
    ],
)
def test_every_error_has_the_format(client: TestClient, path: str, status: int, title: str, fields: list[str]) -> None:
    response = client.get(f"{PATH}/{path}", headers={"Accept": "text/html"})

    assert (response.status_code, response.json()) == (status, {"oops": title, "fields": fields})
    assert response.headers["Content-Type"] == "application/json"
    assert ("WWW-Authenticate" in response.headers) == (title == "Unauthorized")


@pytest.mark.usefixtures("shop")
def test_error_at_the_commit_has_the_format_and_saves_nothing(client: TestClient) -> None:
    failed = client.post(f"{PATH}/commit", params={"fails": True})

    assert failed.status_code == 422
    assert failed.json()["oops"] == "A reference between records prevents this"
    assert in_database(client, count_roles) == 0
    assert client.post(f"{PATH}/commit", params={"fails": False}).status_code == 200
    assert in_database(client, count_roles) == 1


async def count_roles(session: AsyncSession) -> int:
    return (await session.scalars(select(func.count()).select_from(Role))).one()


def test_unknown_address_is_a_problem_document(client: TestClient) -> None:
    assert client.get(f"{PATH}/nowhere").headers["Content-Type"] == "application/problem+json"
