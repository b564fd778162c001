"""API routes reject undeclared query parameters."""

import json
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, WebSocket
from fastapi.security import APIKeyQuery
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from starlette.testclient import TestClient, WebSocketDenialResponse

from app.api.error_handlers import register_exception_handlers
from app.api.routing import index_routes
from tests.support import problem_of

pytestmark = pytest.mark.any_database

UNKNOWN = {"type": "extra_forbidden", "msg": "Unknown query parameter"}


def test_every_api_route_rejects_unknown_parameters(client: TestClient) -> None:
    """Behaviour 51."""
    app: Any = client.app
    paths = app.openapi()["paths"]
    routes = [(method, path) for path in paths if path.startswith("/api/v1/") for method in paths[path]]
    assert len(routes) > 20

    responses = [client.request(method, f"{path}?page=2&offset=20") for method, path in routes]

    for response in responses:
        names = [error["loc"] for error in problem_of(response)["errors"]]
        assert (response.status_code, names) == (422, [["query", "page"], ["query", "offset"]]), response.request.url


def test_error_lists_allowed_parameters(as_ada: TestClient) -> None:
    paged, alone = as_ada.get("/api/v1/auth/events?page=2&limit=5"), as_ada.get("/api/v1/users/me?page=2")

    assert problem_of(paged)["errors"] == [{"loc": ["query", "page"], **UNKNOWN}]
    assert problem_of(paged)["detail"] == "Allowed query parameters: cursor, limit."
    assert problem_of(alone)["detail"] == "Allowed query parameters: none."


@pytest.mark.parametrize(
    "path", ["/api/v1/auth/events?limit=5", "/api/v1/auth/events?limit=&cursor", "/api/v1/users/me?"]
)
def test_known_parameters_are_accepted(as_ada: TestClient, path: str) -> None:
    assert as_ada.get(path).status_code == (422 if path.endswith("cursor") else 200)


@pytest.mark.parametrize("path", ["/health/live?page=2", "/openapi.json?page=2"])
def test_other_paths_ignore_unknown_parameters(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


class Filters(BaseModel):
    """Query parameters with a plain name, an alias and alternative aliases."""

    color: str = ""
    size: str = Field(default="", alias="Size")
    place: str = Field(default="", validation_alias=AliasChoices("place", "where"))


class Anything(BaseModel):
    """Accepts any query parameter."""

    model_config = ConfigDict(extra="allow")


def needs_page(page: int = 1) -> int:
    return page


@pytest.fixture
def custom_app() -> TestClient:
    """Return an app with various declarations of query parameters."""
    router, inner = APIRouter(), APIRouter()

    @router.get("/plain")
    async def plain(
        tags: Annotated[list[str], Query()], q: str = "", alias: Annotated[str, Query(alias="Alias-Name")] = ""
    ) -> None: ...

    @router.get("/model")
    async def model(filters: Annotated[Filters, Query()]) -> None: ...

    @router.get("/anything")
    async def anything(sent: Annotated[Anything, Query()]) -> dict[str, Any]:
        return sent.model_dump()

    @router.get("/key")
    async def key(key: Annotated[str, Depends(APIKeyQuery(name="key"))]) -> None: ...

    @inner.get("/inner")
    async def deep(page: Annotated[int, Depends(needs_page)]) -> None: ...

    router.include_router(inner, dependencies=[Depends(lambda size=1: size)])
    app = FastAPI()
    app.include_router(router, prefix="/api")
    index_routes(app)
    register_exception_handlers(app)
    return TestClient(app)


@pytest.mark.parametrize(
    "path",
    [
        "/plain?q=1&Alias-Name=2&tags=3&tags=4",
        "/model?color=red&Size=1&where=here",
        "/model?place=here",
        "/anything?page=2&x=y",
        "/key?key=secret",
        "/inner?page=2&size=3",
    ],
)
def test_declared_parameters_are_accepted(custom_app: TestClient, path: str) -> None:
    assert custom_app.get(f"/api{path}").status_code == 200


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/plain?alias=1", "Alias-Name, q, tags"),
        ("/plain?Q=1", "Alias-Name, q, tags"),
        ("/model?size=1", "Size, color, place, where"),
        ("/key?key=secret&page=2", "key"),
        ("/inner?cursor=2", "page, size"),
    ],
)
def test_undeclared_parameters_are_rejected(custom_app: TestClient, path: str, known: str) -> None:
    response = custom_app.get(f"/api{path}")

    assert response.status_code == 422
    assert problem_of(response)["detail"] == f"Allowed query parameters: {known}."


def test_error_lists_at_most_ten_parameters(client: TestClient) -> None:
    response = client.get("/api/v1/users/me?" + "&".join(f"p{number}" for number in range(500)))

    assert (response.status_code, len(json.loads(response.text)["errors"])) == (422, 10)


def test_websocket_rejects_unknown_parameters() -> None:
    app = FastAPI()
    index_routes(app)
    register_exception_handlers(app)

    @app.websocket("/api/socket")
    async def greet(socket: WebSocket, name: str) -> None:
        await socket.accept()
        await socket.send_text(name)

    client = TestClient(app)

    with client.websocket_connect("/api/socket?name=Ada") as socket:
        assert socket.receive_text() == "Ada"
    with pytest.raises(WebSocketDenialResponse) as rejected, client.websocket_connect("/api/socket?name=Ada&page=2"):
        pass
    assert problem_of(rejected.value)["detail"] == "Allowed query parameters: name."
