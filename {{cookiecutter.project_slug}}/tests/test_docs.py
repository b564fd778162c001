"""The API documentation: complete, and served from the project itself."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest
from starlette.testclient import TestClient

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
    assert "create_note" in ids


def test_every_operation_is_explained(operations: list[dict[str, Any]]) -> None:
    assert [operation["path"] for operation in operations if not operation.get("description")] == []
    assert [operation["path"] for operation in operations if not operation.get("tags")] == []


def test_every_error_is_documented_as_a_problem(operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemDocument"}, (operation["path"], status)


def test_every_private_operation_documents_401(operations: list[dict[str, Any]]) -> None:
    private = [operation for operation in operations if operation.get("security")]

    assert private
    assert [operation["path"] for operation in private if "401" not in operation["responses"]] == []


def test_conflicts_of_notes_are_documented(operations: list[dict[str, Any]]) -> None:
    [update] = [operation for operation in operations if operation["operationId"] == "update_note"]

    assert update["responses"].keys() == {"200", "401", "404", "409", "412", "422"}
    assert update["responses"]["409"]["description"] == "You have another note with this title"


def test_document_names_no_validation_error_of_fastapi(client: TestClient) -> None:
    assert "HTTPValidationError" not in client.get("/openapi.json").text


@pytest.mark.parametrize("path", PAGES)
def test_page_loads_nothing_from_other_hosts(client: TestClient, path: str) -> None:
    page = client.get(path)

    assert page.headers["Content-Type"].startswith("text/html")
    assert re.findall(r"(?:https?:)?//[a-z]", page.text) == []
    assert "http" not in page.headers["Content-Security-Policy"]
    assert re.findall(r"<script(?![^>]*\bsrc=)", page.text) == []
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"].split("style-src")[0]


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_loads_is_there(client: TestClient, path: str) -> None:
    loaded = re.findall(r'(?:src|href|spec-url)="(?!data:)([^"]*)"', client.get(path).text)

    assert loaded
    for target in loaded:
        answer = client.get(urljoin(path, target))
        assert answer.status_code == 200, target
        kind = {"js": "javascript", "css": "text/css"}.get(target.rpartition(".")[2], "json")
        assert kind in answer.headers["Content-Type"]


def test_assets_stay_in_their_folder(client: TestClient) -> None:
    for path in ("/docs/assets/../__init__.py", "/docs/assets/%2e%2e/__init__.py", "/docs/assets//etc/passwd"):
        assert client.get(path).status_code == 404
