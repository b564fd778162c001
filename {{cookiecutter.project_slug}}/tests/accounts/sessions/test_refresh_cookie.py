"""Signing in from a browser: the refresh token is in an HttpOnly cookie, for allowed origins only."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, AuthSession, User
from tests.support import PASSWORD, add_user, another_client, in_database, log_in, problem_of, with_token

COOKIE = "/api/v1/auth/cookie"
ROUTES = ("login", "refresh", "logout")
APP = "https://app.example"
ME = "/api/v1/users/me"

StartApp = Callable[..., TestClient]


@pytest.fixture
def front_end(client: TestClient, ada: User) -> TestClient:
    """Sign in from the origin of `BASE_URL`."""
    browser = another_client(client, Origin="http://127.0.0.1:8000")
    browser.post(f"{COOKIE}/login", json={"email": ada.email, "password": PASSWORD}).raise_for_status()
    return browser


def refresh_cookie(browser: TestClient) -> str:
    """Return the refresh token in the cookie."""
    (cookie,) = browser.cookies.jar
    assert cookie.name.endswith("refresh")
    return cookie.value or ""


def me(client: TestClient, response: Any) -> int:
    """Return the status of a request with the access token of a response."""
    return with_token(client, response.json()["access_token"]).get(ME).status_code


def revocations(client: TestClient) -> list[str | None]:
    query = select(AuthSession.revoked_reason).order_by(AuthSession.id)
    return list(in_database(client, lambda session: session.scalars(query)))


def events(client: TestClient) -> list[str]:
    return list(in_database(client, lambda session: session.scalars(select(AuthEvent.name).order_by(AuthEvent.id))))


@pytest.mark.any_database
def test_refresh_token_is_only_in_the_cookie(client: TestClient, ada: User) -> None:
    """Behaviour 157."""
    browser = another_client(client, Origin="http://127.0.0.1:8000")

    response = browser.post(f"{COOKIE}/login", json={"email": ada.email, "password": PASSWORD})

    assert set(response.json()) == {"access_token", "token_type", "expires_in"}
    assert refresh_cookie(browser).startswith("rt_")
    assert refresh_cookie(browser) not in response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert me(client, response) == 200


@pytest.mark.any_database
def test_cookie_is_strict_and_not_for_scripts_or_subdomains(start_app: StartApp) -> None:
    """Behaviour 157."""
    client = start_app(base_url="https://api.example.com", server={"cors_origins": APP})
    add_user(client, "ada@example.com")

    response = client.post(
        f"{COOKIE}/login", json={"email": "ada@example.com", "password": PASSWORD}, headers={"Origin": APP}
    )

    name, *attributes = response.headers["Set-Cookie"].split("; ")
    assert name.startswith("__Host-refresh=rt_")
    assert set(attributes) == {"HttpOnly", "Max-Age=1209600", "Path=/", "SameSite=strict", "Secure"}


def test_cookie_is_replaced_at_each_refresh(client: TestClient, front_end: TestClient) -> None:
    """Behaviour 158."""
    first = refresh_cookie(front_end)

    response = front_end.post(f"{COOKIE}/refresh")

    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "token_type", "expires_in"}
    assert me(client, response) == 200
    assert refresh_cookie(front_end) != first


def test_tabs_that_refresh_at_once_stay_signed_in(client: TestClient, front_end: TestClient) -> None:
    """Behaviour 158."""
    with ThreadPoolExecutor(8) as threads:
        tabs = [another_client(client, Origin="http://127.0.0.1:8000") for _ in range(8)]
        for tab in tabs:
            tab.cookies.update(front_end.cookies)
        responses = list(threads.map(lambda tab: tab.post(f"{COOKIE}/refresh"), tabs))

    assert {response.status_code for response in responses} == {200}
    assert len({refresh_cookie(tab) for tab in tabs}) == 1
    assert tabs[0].post(f"{COOKIE}/refresh").status_code == 200
    assert revocations(client) == [None]
    assert "authn_token_reuse" not in events(client)


def test_logout_ends_the_session_and_deletes_the_cookie(client: TestClient, front_end: TestClient) -> None:
    """Behaviour 159."""
    copied = another_client(client, Origin="http://127.0.0.1:8000")
    copied.cookies.update(front_end.cookies)
    token = front_end.post(f"{COOKIE}/refresh")

    assert front_end.post(f"{COOKIE}/logout").status_code == 204

    assert not front_end.cookies
    assert me(client, token) == 401
    assert copied.post(f"{COOKIE}/refresh").status_code == 401
    assert revocations(client) == ["logout"]
    assert events(client)[-1] == "authn_logout"


@pytest.mark.any_database
@pytest.mark.parametrize("value", [None, "", "rt_" + "A" * 43, "x" * 4000, "\x01", "caf\u00e9"])
def test_unknown_cookie_is_no_session(client: TestClient, ada: User, value: str | None) -> None:
    log_in(client, ada.email)
    name = f"{client.app_state['settings'].cookie_prefix}refresh".encode()
    headers = [(b"origin", b"http://127.0.0.1:8000")]
    if value is not None:
        headers.append((b"cookie", name + b"=" + value.encode("latin-1")))

    refreshed = client.post(f"{COOKIE}/refresh", headers=headers)
    signed_out = client.post(f"{COOKIE}/logout", headers=headers)

    assert problem_of(refreshed)["type"] == "urn:problem:InvalidRefreshToken"
    assert signed_out.status_code == 204
    assert revocations(client) == [None]


@pytest.mark.any_database
@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("null", id="sandbox"),
        pytest.param("https://evil.test", id="another-site"),
        pytest.param("https://sub.app.example", id="subdomain"),
        pytest.param("https://app.example.evil.test", id="prefix"),
        pytest.param("https://evilapp.example", id="suffix"),
        pytest.param("http://app.example", id="another-scheme"),
        pytest.param("https://app.example:8443", id="another-port"),
        pytest.param("https://app.example.", id="trailing-dot"),
        pytest.param("https://app.example/", id="path"),
        pytest.param("https://app.example https://evil.test", id="two"),
        pytest.param("http://testserver", id="host-header"),
        pytest.param("*", id="wildcard"),
    ],
)
def test_other_origins_are_rejected(start_app: StartApp, origin: str | None) -> None:
    """Nor can they sign users in (login CSRF). Behaviour 160."""
    client = start_app(server={"cors_origins": f"{APP}, *"})
    user = add_user(client, "ada@example.com")
    allowed, browser = {"Origin": APP}, {} if origin is None else {"Origin": origin}
    login = {"email": user.email, "password": PASSWORD}
    client.post(f"{COOKIE}/login", json=login, headers=allowed).raise_for_status()

    responses = [client.post(f"{COOKIE}/{route}", json=login, headers=browser) for route in ROUTES]

    for response in responses:
        assert problem_of(response)["type"] == "urn:problem:OriginNotAllowed"
        assert response.status_code == 403
        assert "Set-Cookie" not in response.headers
        assert "Access-Control-Allow-Origin" not in response.headers
    assert revocations(client) == [None]
    assert client.post(f"{COOKIE}/refresh", headers=allowed).status_code == 200


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com:443/shop", "https://example.com"),
        ("https://Example.com:8443/shop/", "https://example.com:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
    ],
)
def test_origin_of_the_base_url_is_allowed(start_app: StartApp, base_url: str, origin: str) -> None:
    client = start_app(base_url=base_url)

    assert client.post(f"{COOKIE}/logout", headers={"Origin": origin}).status_code == 204


@pytest.mark.any_database
def test_only_routes_of_the_cookie_can_be_read_with_credentials(start_app: StartApp) -> None:
    """Front ends of the same site send the cookies of the pages, too. Behaviour 161."""
    client = start_app(server={"cors_origins": f"{APP}, *"})
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    allow = "Access-Control-Allow-Credentials"

    for path in ("/", "/login", "/account", ME, "/api/v1/auth/login", "/api/v1/auth/cookies", "/openapi.json"):
        assert allow not in client.get(path, headers={"Origin": APP}).headers
        assert allow not in client.options(path, headers={"Origin": APP, **asks}).headers
    for route in ROUTES:
        preflight = client.options(f"{COOKIE}/{route}", headers={"Origin": APP, **asks})
        response = client.post(f"{COOKIE}/{route}", headers={"Origin": APP})
        other = client.options(f"{COOKIE}/{route}", headers={"Origin": "https://evil.test", **asks})
        assert preflight.headers[allow] == response.headers[allow] == "true"
        assert preflight.headers["Access-Control-Allow-Origin"] == APP
        assert response.headers["Access-Control-Allow-Origin"] == APP
        assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.any_database
def test_credentials_are_accepted_below_a_path(start_app: StartApp) -> None:
    client = start_app(base_url="https://testserver/below", server={"cors_origins": APP})

    for path in (f"/below{COOKIE}/logout", f"{COOKIE}/logout"):
        response = client.post(path, headers={"Origin": APP})
        assert response.status_code == 204
        assert response.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.any_database
def test_cookie_does_not_authenticate_other_routes(client: TestClient, front_end: TestClient) -> None:
    """Behaviour 161."""
    assert front_end.get(ME).status_code == 401
    assert front_end.post("/api/v1/auth/logout").status_code == 401
    assert front_end.post("/api/v1/auth/token/refresh").status_code == 422
    assert front_end.get("/account", headers={"Accept": "text/html"}).status_code in {303, 404}
    assert revocations(client) == [None]
