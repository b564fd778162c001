"""The API docs are complete and self-hosted."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from app.api import docs
from app.api.error_handlers import CustomErrorRoute
from tests.routes import app_of

pytestmark = pytest.mark.any_database

PAGES = ["/docs", "/redoc"]


@pytest.fixture
def operations(client: TestClient) -> list[dict[str, Any]]:
    """List the operations of the OpenAPI document, each with its method and path."""
    paths = client.get("/openapi.json").json()["paths"]
    return [
        {**operation, "method": method, "path": path}
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


def test_document_is_openapi_3_1(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    assert document["openapi"].startswith("3.1.")
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_operation_ids_are_unique(operations: list[dict[str, Any]]) -> None:
    ids = [operation["operationId"] for operation in operations]

    assert len(set(ids)) == len(ids)
    assert "create_sample_note" in ids


def test_every_operation_is_named_by_its_docstring(operations: list[dict[str, Any]]) -> None:
    [update] = [operation for operation in operations if operation["operationId"] == "update_own_account"]
    summaries = [
        (*operation.get("tags", []), operation["summary"])
        for operation in operations
        if "_sample_" not in operation["operationId"]
    ]

    assert [name for *_, name in summaries if name == name.title() or name.endswith(".")] == []
    assert sorted(summaries) == sorted(set(summaries))
    assert (update["summary"], update["description"]) == ("Update your account", "Omitted fields are unchanged.")
    assert [operation["path"] for operation in operations if not operation.get("tags")] == []


def test_every_error_is_documented_as_a_problem(client: TestClient, operations: list[dict[str, Any]]) -> None:
    routes = [route.original_route for route in iter_route_contexts(app_of(client).routes)]
    others = {route.name for route in routes if isinstance(route, CustomErrorRoute)}
    for operation in operations:
        if operation["operationId"] in others:
            continue
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemDetails"}, (operation["path"], status)


def test_every_private_operation_documents_401(operations: list[dict[str, Any]]) -> None:
    private = [operation for operation in operations if operation.get("security")]

    assert private
    assert [operation["path"] for operation in private if "401" not in operation["responses"]] == []


def test_conflicts_of_notes_are_documented(operations: list[dict[str, Any]]) -> None:
    [update] = [operation for operation in operations if operation["operationId"] == "update_sample_note"]

    assert update["responses"].keys() == {"200", "401", "404", "409", "412", "422"}
    assert update["responses"]["409"]["description"] == "You have another note with this title"


def test_document_has_no_validation_error_of_fastapi(client: TestClient) -> None:
    assert "HTTPValidationError" not in client.get("/openapi.json").text


@pytest.mark.parametrize("path", PAGES)
def test_page_makes_no_third_party_requests(client: TestClient, path: str) -> None:
    page = client.get(path)

    assert page.headers["Content-Type"].startswith("text/html")
    assert re.findall(r"(?:https?:)?//[a-z]", page.text) == []
    assert "http" not in page.headers["Content-Security-Policy"]
    assert re.findall(r"<script(?![^>]*\bsrc=)", page.text) == []
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"].split("style-src")[0]


@pytest.mark.parametrize("path", PAGES)
def test_files_of_a_page_exist(client: TestClient, path: str) -> None:
    loaded = re.findall(
        r'<(?:script|link|img|redoc)\b[^>]*\b(?:src|href|spec-url)="(?!data:)([^"]*)"', client.get(path).text
    )

    assert loaded
    for target in loaded:
        response = client.get(urljoin(path, target))
        assert response.status_code == 200, target
        kinds = {"js": "javascript", "css": "text/css", "svg": "svg"}
        kind = kinds.get(target.partition("?")[0].rpartition(".")[2], "json")
        assert kind in response.headers["Content-Type"]


def test_assets_outside_their_folder_are_not_served(client: TestClient) -> None:
    for path in ("/docs/assets/../__init__.py", "/docs/assets/%2e%2e/__init__.py", "/docs/assets//etc/passwd"):
        assert client.get(path).status_code == 404


def test_redoc_logo_makes_no_third_party_request(client: TestClient) -> None:
    script = client.get("/docs/redoc.js")

    assert "cdn.redoc" not in script.text
    assert script.headers["Cache-Control"] == "public, max-age=3600"


def test_document_starts_with_accounts_and_ends_with_health(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    names = [tag["name"] for tag in document["tags"]]
    assert (names[:2], names[-1]) == (["auth", "users"], "health")
    assert len(names) == len(set(names))
    assert {tag for path in document["paths"].values() for operation in path.values() for tag in operation["tags"]} <= {
        *names
    }
    assert [tag["name"] for tag in document["tags"] if not tag["description"]] == []
    assert list(document["paths"])[:2] == ["/api/v1/auth/register", "/api/v1/auth/login"]
    assert "Authorization: Bearer" in document["info"]["description"]


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        pytest.param({}, True, id="by-default"),
        pytest.param({"auth": {"docs_password_form": False}}, False, id="switched-off"),
        pytest.param(
            {"environment": "production", "base_url": "https://testserver", "auth": {"argon2_memory_kib": 19_456}},
            False,
            id="production",
        ),
    ],
)
def test_password_form_is_optional_and_never_in_production(
    start_app: Callable[..., TestClient],
    changes: dict[str, Any],
    offered: bool,  # noqa: FBT001
) -> None:
    """It uses the normal sign-in, with rate limits and the second factor."""
    page = start_app(**changes).get("/docs").text

    assert (re.search(r'<form[^>]*action="/?api/v1/auth/login"', page) is not None) == offered
    assert ('type="password"' in page) == offered


@pytest.mark.parametrize("below", ["", "/below"])
def test_root_is_the_home_page_or_redirects_to_the_docs(client: TestClient, below: str) -> None:
    without_pages = FastAPI()
    docs.mount(without_pages)

    led = TestClient(without_pages, root_path=below).get("/", follow_redirects=False)

    assert client.get("/", follow_redirects=True).status_code == 200
    assert (led.status_code, led.headers["Location"]) == (307, f"http://testserver{below}/docs")
