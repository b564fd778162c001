"""Error responses: all are problem documents, and none discloses input or internals."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi import APIRouter
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from app.accounts.credentials.passwords import PasswordHasher
from app.accounts.models import User
from app.api.error_handlers import openapi_responses
from app.errors import Conflict, InvalidRequest, NotFound, Problem, Unavailable, VersionConflict
from tests.support import PASSWORD, problem_of

pytestmark = pytest.mark.any_database

LOGIN = "/api/v1/auth/login"
NOTES = "/api/v1/sample-notes"
SECRET = "hunter2 hunter2 hunter2"


@pytest.fixture
def fail(client: TestClient, add_routes: Callable[[APIRouter], None]) -> Callable[..., Any]:
    """Return a function that requests a route which raises an exception."""

    def ask(error: Exception, **headers: str) -> Any:
        router = APIRouter()

        @router.get("/api/v1/fail")
        async def fail() -> None:
            raise error

        add_routes(router)
        return client.get("/api/v1/fail", headers=headers)

    return ask


@pytest.mark.parametrize(
    ("send", "status"),
    [
        pytest.param(lambda c: c.get("/nowhere"), 404, id="unknown-page"),
        pytest.param(lambda c: c.get("/api/v1/nowhere"), 404, id="unknown-route"),
        pytest.param(lambda c: c.put(NOTES), 405, id="wrong-method"),
        pytest.param(lambda c: c.get("/docs/assets/nothing.js"), 404, id="unknown-asset"),
        pytest.param(lambda c: c.get(NOTES), 401, id="anonymous"),
        pytest.param(lambda c: c.post("/api/v1/auth/login", json={}), 422, id="invalid"),
        pytest.param(lambda c: c.post("/api/v1/auth/login", content=b"{"), 422, id="not-json"),
        pytest.param(lambda c: c.post("/api/v1/auth/login", content=b"\xff\xfe"), 422, id="not-utf8"),
        pytest.param(lambda c: c.post(NOTES, content=b"x" * 2_000_000), 413, id="too-large"),
        pytest.param(lambda c: c.post("/form", headers={"Sec-Fetch-Site": "cross-site"}), 403, id="cross-site"),
    ],
)
def test_every_error_is_a_problem_document(client: TestClient, send: Callable[[TestClient], Any], status: int) -> None:
    client.headers["Accept"] = "application/json"

    problem = problem_of(send(client))

    assert problem["status"] == status
    assert problem.keys() >= {"type", "title", "status", "instance"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", NOTES, {"GET", "POST"}),
        ("OPTIONS", f"{NOTES}/0198c0de-0000-7000-8000-000000000000", {"GET", "PATCH", "DELETE"}),
        ("GET", "/api/v1/auth/login", {"POST"}),
    ],
)
def test_wrong_method_lists_every_method_of_the_path(
    client: TestClient, method: str, path: str, allowed: set[str]
) -> None:
    response = client.request(method, path)

    assert response.status_code == 405
    assert {*response.headers["Allow"].split(", ")} - {"HEAD"} == allowed


def test_unknown_route_returns_its_path(client: TestClient) -> None:
    assert problem_of(client.get("/api/v1/nowhere?token=secret")) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "instance": "/api/v1/nowhere",
    }


def test_wrong_method_returns_allow_header(client: TestClient) -> None:
    assert client.put("/health/live").headers["Allow"] == "GET, HEAD"
    assert client.head(LOGIN).headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"email": "ada@example.com", "password": [SECRET]}, id="wrong-type"),
        pytest.param({"email": "ada@example.com", "password": SECRET * 500}, id="too-long"),
        pytest.param({"password": SECRET}, id="other-field-missing"),
        pytest.param({"email": SECRET, "password": SECRET}, id="address-invalid"),
        pytest.param({"email": "ada@example.com", "password": SECRET, "again": SECRET}, id="unknown-field"),
        pytest.param([SECRET], id="not-an-object"),
    ],
)
def test_invalid_request_is_not_echoed(client: TestClient, body: Any) -> None:
    """Behaviour 24."""
    response = client.post("/api/v1/auth/login", json=body)

    problem = problem_of(response)
    assert problem["status"] == 422
    assert SECRET not in response.text
    assert [error.keys() for error in problem["errors"]] == [{"loc", "msg", "type"}] * len(problem["errors"])


def bodies_of(client: TestClient) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the routes with a JSON body: method, path and the fields of the body."""
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
                name = content["schema"]["$ref"].rpartition("/")[2]
                yield method, path, list(document["components"]["schemas"][name]["properties"])


def test_no_route_echoes_rejected_input(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 24."""
    routes = list(bodies_of(client))
    for method, path, fields in routes:
        url = re.sub(r"{\w+}", str(uuid4()), path)
        for body in (dict.fromkeys(fields, SECRET), {field: [SECRET] for field in fields}, {"unknown": SECRET}):
            response = as_ada.request(method, url, json=body)
            assert response.status_code < 400 or SECRET not in response.text, f"{method} {path} {body}"
        assert response.status_code >= 400
    assert len(routes) >= 5


def test_invalid_json_is_not_echoed(client: TestClient) -> None:
    """Behaviour 24."""
    response = client.post(
        "/api/v1/auth/login", content=f'{{"password": "{SECRET}"', headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 422
    assert SECRET not in response.text


@pytest.mark.parametrize("body", [pytest.param(b"\xff\xfe", id="not-utf8"), pytest.param(b"[" * 100_000, id="deep")])
def test_undecodable_body_is_an_invalid_request(client: TestClient, body: bytes) -> None:
    response = client.post("/api/v1/auth/login", content=body, headers={"Content-Type": "application/json"})

    assert problem_of(response)["status"] == 422


def test_invalid_request_names_each_field(client: TestClient) -> None:
    problem = problem_of(client.post("/api/v1/auth/login", json={}))

    assert [error["loc"] for error in problem["errors"]] == [["body", "email"], ["body", "password"]]


def test_bug_returns_500_without_details_and_is_logged(
    fail: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Behaviour 148."""
    response = fail(RuntimeError(SECRET), **{"X-Request-ID": "request-of-ada"})

    assert problem_of(response) == {
        "type": "urn:problem:Problem",
        "title": "Internal server error",
        "status": 500,
        "instance": "/api/v1/fail",
        "request_id": "request-of-ada",
    }
    assert response.headers["X-Request-ID"] == "request-of-ada"
    assert "Content-Security-Policy" in response.headers
    assert SECRET in caplog.text
    assert "request-of-ada" in caplog.text


def test_bug_during_sign_in_keeps_the_attempt_counted(
    client: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behaviour 148."""

    async def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    login = {"email": ada.email, "password": PASSWORD}
    with monkeypatch.context() as patched:
        patched.setattr(PasswordHasher, "verify", fail)
        failed = [client.post("/api/v1/auth/login", json=login) for _ in range(5)]

    assert [response.status_code for response in failed] == [500] * 5
    assert not [response for response in failed if SECRET in response.text]
    assert client.post("/api/v1/auth/login", json=login).status_code == 429


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        pytest.param(NotFound(), 404, "urn:problem:NotFound", id="not-found"),
        pytest.param(Conflict("Taken."), 409, "urn:problem:Conflict", id="conflict"),
        pytest.param(StaleDataError(), 412, "urn:problem:VersionConflict", id="changed-at-the-same-time"),
        pytest.param(
            IntegrityError("", None, ValueError("FOREIGN KEY constraint failed")),
            409,
            "urn:problem:StillReferenced",
            id="still-referred-to",
        ),
        pytest.param(IntegrityError("", None, ValueError(SECRET)), 500, "urn:problem:Problem", id="other-constraint"),
        pytest.param(PoolTimeout(), 503, "urn:problem:Unavailable", id="no-free-connection"),
        pytest.param(HTTPException(418), 418, "about:blank", id="of-the-framework"),
    ],
)
def test_expected_error_returns_a_problem(fail: Callable[..., Any], error: Exception, status: int, kind: str) -> None:
    problem = problem_of(fail(error))

    assert (problem["status"], problem["type"]) == (status, kind)


def test_problem_has_detail_and_headers(fail: Callable[..., Any]) -> None:
    response = fail(Unavailable("Later."))

    assert problem_of(response)["detail"] == "Later."
    assert response.headers["Retry-After"] == "1"


def test_problems_of_one_status_are_documented_together() -> None:
    class OneTaken(Conflict):
        title = "One"

    class OtherTaken(Conflict):
        title = "Other"

    found = openapi_responses(OneTaken, OtherTaken, InvalidRequest)

    assert {status: found[status]["description"] for status in found} == {409: "One · Other", 422: "Invalid request"}


def test_problems_have_distinct_types() -> None:
    kinds = [Problem, InvalidRequest, NotFound, Conflict, VersionConflict, Unavailable]

    assert len({kind.type() for kind in kinds}) == len(kinds)


def kinds_of(problem: type[Problem]) -> Iterator[type[Problem]]:
    yield problem
    for kind in problem.__subclasses__():
        yield from kinds_of(kind)


def test_every_503_has_retry_after() -> None:
    unavailable = [kind for kind in kinds_of(Problem) if kind.status == 503]

    assert len(unavailable) > 3
    assert [kind for kind in unavailable if "Retry-After" not in kind.headers] == []
