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
def document(client: TestClient) -> dict[str, Any]:
    """Return the OpenAPI document."""
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


@pytest.fixture
def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    """List the operations of the OpenAPI document, each with its method and path, and with its responses resolved."""
    shared = document["components"]["responses"]
    return [
        {
            **operation,
            "method": method,
            "path": path,
            "responses": {
                status: shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
                for status, response in operation["responses"].items()
            },
        }
        for path, methods in document["paths"].items()
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
                [(media_type, content)] = response["content"].items()
                assert media_type == "application/problem+json", (operation["path"], status)
                assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}, (operation["path"], status)


def test_every_private_operation_documents_401(operations: list[dict[str, Any]]) -> None:
    private = [operation for operation in operations if operation.get("security")]

    assert private
    assert [operation["path"] for operation in private if "401" not in operation["responses"]] == []


def test_conflicts_of_notes_are_documented(operations: list[dict[str, Any]]) -> None:
    [update] = [operation for operation in operations if operation["operationId"] == "update_sample_note"]

    assert update["responses"].keys() == {"200", "401", "404", "409", "412", "413", "422", "503"}
    assert update["responses"]["409"]["description"] == "You have another note with this title"


def test_every_field_and_parameter_has_a_description_and_an_example(
    document: dict[str, Any], operations: list[dict[str, Any]]
) -> None:
    schemas = document["components"]["schemas"]
    fields = {
        f"{name}.{field}": value for name, schema in schemas.items() for field, value in schema["properties"].items()
    }
    parameters = {
        f"{operation['operationId']} {parameter['name']}": {**parameter["schema"], **parameter}
        for operation in operations
        for parameter in operation.get("parameters", ())
    }

    assert len(fields) > 80
    assert len(parameters) > 10
    described = {name: schema for name, schema in (fields | parameters).items() if "$ref" not in str(schema)}
    assert [name for name, schema in described.items() if not schema.get("description")] == []
    examples = {"examples", "enum", "const", "default"}
    assert [name for name, schema in described.items() if not examples & schema.keys()] == []
    assert schemas["Login"]["properties"]["email"]["examples"] == ["ada@example.com"]
    assert fields["SampleNoteCreate.title"]["description"] == "Title"


def test_parameters_are_optional_but_never_null(operations: list[dict[str, Any]]) -> None:
    [update] = [operation for operation in operations if operation["operationId"] == "update_sample_note"]
    parameters = [parameter for operation in operations for parameter in operation.get("parameters", ())]

    [if_match] = [parameter for parameter in update["parameters"] if parameter["in"] == "header"]
    assert (if_match["required"], if_match["schema"]["type"]) == (False, "string")
    assert [parameter["name"] for parameter in parameters if "null" in str(parameter["schema"])] == []


def test_public_operations_say_so(operations: list[dict[str, Any]]) -> None:
    security = {operation["operationId"]: operation["security"] for operation in operations}

    assert (security["login"], security["check_live"]) == ([], [])
    assert security["create_sample_note"] == [{"HTTPBearer": []}]


def test_middleware_errors_are_documented(client: TestClient, operations: list[dict[str, Any]]) -> None:
    routes = [context.original_route for context in iter_route_contexts(app_of(client).routes)]
    own_errors = {route.name for route in routes if isinstance(route, CustomErrorRoute)}

    for operation in operations:
        if operation["operationId"] in own_errors:
            continue
        responses = operation["responses"]
        assert ("413" in responses) == ("requestBody" in operation), operation["path"]
        assert ("503" in responses) == (operation["path"] != "/health/live"), operation["path"]
        for status in ("429", "503"):
            assert "Retry-After" in responses.get(status, {"headers": "Retry-After"})["headers"], operation["path"]


def test_documented_headers_are_sent(as_ada: TestClient, operations: list[dict[str, Any]]) -> None:
    documented = {operation["operationId"]: operation["responses"] for operation in operations}

    created = as_ada.post("/api/v1/sample-notes", json={"title": "Bread"})
    read = as_ada.get(created.headers["Location"])
    missing = as_ada.get("/api/v1/sample-notes/019cec2a-1c40-7c3d-9f1e-5b7a3c2d1e0f")

    responses = {("create_sample_note", "201"): created, ("read_sample_note", "200"): read}
    responses["read_sample_note", "404"] = missing
    for (name, status), response in responses.items():
        assert response.status_code == int(status)
        headers = documented[name][status]["headers"]
        assert [header for header in headers if header not in response.headers] == [], name
        assert ("ETag" in headers) == ("ETag" in response.headers), name
        assert ("Location" in headers) == ("Location" in response.headers), name


def test_streams_are_documented_as_in_openapi_3_1(document: dict[str, Any]) -> None:
    assert "itemSchema" not in str(document)


def test_login_tells_tokens_from_a_challenge(operations: list[dict[str, Any]]) -> None:
    [login] = [operation for operation in operations if operation["operationId"] == "login"]

    schema = login["responses"]["200"]["content"]["application/json"]["schema"]

    assert schema["discriminator"]["propertyName"] == "token_type"
    assert schema["discriminator"]["mapping"].keys() == {"Bearer", "Challenge"}


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
