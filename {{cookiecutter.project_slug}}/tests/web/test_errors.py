"""Error pages, and problem details for API clients."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter
from jinja2 import TemplateSyntaxError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.testclient import TestClient

from app.accounts.api.dependencies import PermissionDenied
from app.accounts.models import User
from app.errors import Conflict, TooManyRequests, Unavailable, VersionConflict
from app.web import templating
from app.web.failures import describe_failure
from tests.support import add_user, make_database_unavailable
from tests.web.browser import open_browser, read_page, submit

pytestmark = pytest.mark.any_database

PROBLEM = "application/problem+json"


@pytest.fixture
def failing(client: TestClient, add_routes: Callable[[APIRouter], None]) -> TestClient:
    """Return a browser of an app with routes at `/fail/…` that raise errors."""
    router = APIRouter()
    failures: dict[str, Exception] = {
        "403": PermissionDenied(),
        "409": Conflict("The room is taken."),
        "412": VersionConflict(),
        "500": RuntimeError("secret detail"),
        "429": TooManyRequests(timedelta(minutes=15)),
        "503": Unavailable(),
        "busy": PoolTimeout(),
    }

    @router.get("/fail/{kind}")
    async def fail(kind: str, count: int = 0) -> None:  # noqa: ARG001 - must be a number
        raise failures[kind]

    add_routes(router)
    return open_browser(client)


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/nowhere", 404, "The page doesn't exist"),
        ("/static/nothing.css", 404, "The page doesn't exist"),
        ("/fail/409", 409, "The room is taken."),
        ("/fail/412", 412, "Reload the page"),
        ("/fail/409?count=x", 422, "missing or invalid"),
        ("/fail/500", 500, "The error was logged"),
        ("/fail/503", 503, "temporarily unavailable"),
        ("/fail/busy", 503, "No database connection is available."),
    ],
)
def test_browsers_get_an_error_page_with_advice(failing: TestClient, path: str, status: int, sentence: str) -> None:
    response = failing.get(path)

    page = read_page(response)
    assert response.status_code == status
    assert sentence in page.text
    assert f"Error {status}" in page.text
    assert response.headers["X-Request-ID"] in page.text
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "secret" not in response.text
    assert ("/signup" in page.links) == (status < 500)  # the user isn't loaded


@pytest.mark.usefixtures("failing")
def test_page_without_permission_says_so(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    opened = read_page(browser.get("/fail/403")).text

    assert "Your account may not open this page." in opened
    assert "ask an administrator" in opened
    assert "reload" not in opened


def test_only_a_form_without_a_csrf_token_is_to_be_sent_again(client: TestClient, ada: User) -> None:
    for browser in (open_browser(client), open_browser(client, ada)):
        response = browser.post("/login", data={"email": "ada@example.com", "password": "x"})

        page = read_page(response)
        assert response.status_code == 403
        assert "reload the page and send the form again" in page.text
        assert "may not" not in page.text


def test_missing_page_offers_visitors_to_sign_in(client: TestClient, ada: User) -> None:
    anonymous, signed_in = (read_page(open_browser(client, user).get("/nowhere?page=2")) for user in (None, ada))

    assert "you have to sign in to see it" in anonymous.text
    assert "/login?next=%2Fnowhere%3Fpage%3D2" in anonymous.links
    assert "your account has no access to it" in signed_in.text
    assert not [link for link in signed_in.links if link.startswith("/login")]


def test_too_many_requests_say_how_long_to_wait(failing: TestClient) -> None:
    response = failing.get("/fail/429")

    text = read_page(response).text
    assert (response.status_code, response.headers["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes." in text
    assert "seconds" not in text


@pytest.fixture
def start_broken_app(start_app: Callable[..., TestClient]) -> Iterator[Callable[..., TestClient]]:
    """Start an app with a page at `/broken` that raises an exception, and return a browser."""
    with ExitStack() as cleanup:

        def start(**settings: Any) -> TestClient:
            client, router = start_app(**settings), APIRouter()
            app: Any = client.app

            @router.get("/broken")
            async def fail() -> None:
                raise RuntimeError("<b>secret</b> detail")

            app.include_router(router)
            cleanup.callback(app.router.routes.pop)  # tests with equal settings share the app
            return open_browser(client)

        yield start


def test_development_shows_where_an_exception_was_raised(start_broken_app: Callable[..., TestClient]) -> None:
    browser = start_broken_app(environment="development", base_url="http://localhost:8000")

    page, document = browser.get("/broken"), browser.get("/broken", headers={"Accept": "application/json"})

    text = read_page(page).text
    assert page.status_code == 500
    assert "RuntimeError: <b>secret</b> detail" in text
    assert re.search(r"tests/web/test_errors\.py:\d+ in fail", text)
    assert re.search(r"\d+ +raise RuntimeError\(", text)
    assert page.headers["X-Request-ID"] in text
    assert "<b>secret" not in page.text
    assert "RuntimeError" not in document.text
    assert document.json() == {
        "type": "urn:problem:Problem",
        "title": "Internal server error",
        "status": 500,
        "instance": "/broken",
        "request_id": document.headers["X-Request-ID"],
    }


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"environment": "production", "auth": {"argon2_memory_kib": 19_456}}, id="production"),
        pytest.param({"environment": "test"}, id="test"),
        pytest.param({"environment": "development", "base_url": "https://example.com"}, id="served-over-https"),
    ],
)
def test_only_development_shows_exceptions(
    start_broken_app: Callable[..., TestClient], settings: dict[str, Any]
) -> None:
    browser = start_broken_app(**{"base_url": "https://example.com", **settings})

    response = browser.get("/broken")

    assert (response.status_code, response.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert "Something went wrong" in response.text
    for hidden in ("secret", "RuntimeError", "test_errors", "development"):
        assert hidden not in response.text


class _Unprintable(Exception):
    def __str__(self) -> str:
        raise NotImplementedError


@pytest.mark.parametrize("error", [ValueError("\ud800"), ValueError("x" * 1_000_000), _Unprintable()])
def test_any_exception_can_be_shown(error: Exception) -> None:
    shown = describe_failure(error).error

    assert type(error).__name__ in shown
    assert len(shown.encode()) < 10_000


def test_pages_and_admin_return_503_when_the_database_is_unavailable(
    start_app: Callable[..., TestClient], own_database_url: str
) -> None:
    client = start_app(database={"url": own_database_url})
    browser = open_browser(client, add_user(client, "admin@example.com", admin=True))
    make_database_unavailable(client)

    responses = [browser.get(path) for path in ("/account", "/nowhere", "/admin/", "/admin/user/list")]

    assert [(response.status_code, response.headers["Retry-After"]) for response in responses] == [(503, "1")] * 4
    assert all("temporarily unavailable" in read_page(response).text for response in responses)


def test_error_page_has_retry_after(failing: TestClient) -> None:
    assert failing.get("/fail/503").headers["Retry-After"] == "1"


@pytest.mark.parametrize("path", ["/nowhere", "/fail/409", "/fail/500", "/fail/409?count=x"])
def test_clients_that_accept_json_get_problem_details(failing: TestClient, path: str) -> None:
    page, document = failing.get(path), failing.get(path, headers={"Accept": "application/json"})

    assert page.status_code == document.status_code
    assert document.headers["Content-Type"] == PROBLEM
    assert "Accept" in page.headers["Vary"].split(", ")
    assert document.headers["Vary"] == "Accept"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/users/me", "/health/nothing", "/.well-known/nothing"])
def test_api_paths_always_return_problem_details(client: TestClient, path: str) -> None:
    response = open_browser(client).get(path)

    assert response.headers["Content-Type"] == PROBLEM


def test_path_that_only_starts_like_the_api_gets_a_page(client: TestClient) -> None:
    assert "text/html" in open_browser(client).get("/apiary").headers["Content-Type"]


def test_errors_of_the_middleware_are_pages_too(start_app: Callable[..., TestClient]) -> None:
    browser = open_browser(start_app(server={"max_body_bytes": 2048}))

    cross_site = browser.post("/logout", headers={"Sec-Fetch-Site": "cross-site"})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    too_large = browser.post("/login", content=b"x" * 3000, headers=form)
    too_long = browser.post("/login", content=iter([b"x" * 1500, b"x" * 1500]), headers=form)

    assert [response.status_code for response in (cross_site, too_large, too_long)] == [403, 413, 413]
    assert "Cross-site request blocked" in read_page(cross_site).text
    assert "Maximum size: 2048 bytes." in read_page(too_large).text
    assert "Maximum size: 2048 bytes." in read_page(too_long).text


def test_error_page_keeps_the_allow_header(client: TestClient) -> None:
    response = open_browser(client).get("/logout")

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert "Error 405" in read_page(response).text


def test_form_sent_after_the_session_ended_offers_to_sign_in(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    form = read_page(browser.get("/account")).forms["/account"]
    attacker = open_browser(client)
    attacker.cookies.update(browser.cookies)
    submit(attacker, "/account", action="/logout")

    response = browser.post("/account", data=form)

    assert response.status_code == 401
    assert "/login" in read_page(response).links


def test_error_pages_show_the_signed_in_user(client: TestClient, ada: User) -> None:
    assert ada.email in open_browser(client, ada).get("/nowhere").text
    assert ada.email not in open_browser(client).get("/nowhere").text


def test_url_is_escaped_in_an_error_page(client: TestClient) -> None:
    response = open_browser(client).get("/<script>alert(1)</script>")

    assert response.status_code == 404
    assert "<script>" not in response.text


def test_broken_layout_falls_back_to_problem_details(failing: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TemplateSyntaxError("broken", 1)

    monkeypatch.setattr(templating, "_site", fail)

    response = failing.get("/nowhere")

    assert (response.status_code, response.headers["Content-Type"]) == (404, PROBLEM)
