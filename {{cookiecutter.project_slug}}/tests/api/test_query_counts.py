"""Number of SQL statements per route, regardless of the number of rows: adding one should be a decision.

Features and web pages have their own such tests; this module has those of the account routes, and checks that no route
is missing. BEGIN, COMMIT and ROLLBACK are not counted; `app/api/dependencies.py` documents when they are sent.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.accounts.email_links import NEW, latest_token, reset_rate_limits
from tests.query_counts import CapturedRequest, capture_queries, count_queries, without_features
from tests.routes import app_of, routes_of
from tests.support import PASSWORD, add_user, another_client, sign_in, with_token

AUTH = "/api/v1/auth"
CHANGE = f"{AUTH}/email/change"
ME = "/api/v1/users/me"
EVE, EVES_NEW = "eve@example.com", "eve@new.example.com"


def counted_routes(test: Path) -> Iterator[str]:
    """List the routes that a module counts, as text or as an f-string with constants of the module or its helpers."""
    source = "".join(path.read_text(encoding="utf-8") for path in (test.parent / "helpers.py", test) if path.exists())
    constants = defaultdict(str, re.findall(r'^(\w+) = "(.*)"$', source, re.MULTILINE))
    for is_template, route in re.findall(r'(f?)"([A-Z]+ [/{]\S*)": (?:\d|range\()', source):
        yield route.format_map(constants) if is_template else route


@pytest.mark.any_database
def test_every_route_has_a_query_count(client: TestClient) -> None:
    """Each is in some test as `"GET /api/v1/users/me": 2` or `range(2, 5)`, except those of tests/sample."""
    known = {route for test in Path(__file__).parents[1].rglob("test_*.py") for route in counted_routes(test)}

    uncounted = {route for route in routes_of(app_of(client)) if not route.startswith("WEBSOCKET")} - known
    # Without pages, `GET /` only redirects.
    assert {route for route in uncounted if "/sample-notes" not in route} <= {"GET /"}


@pytest.mark.any_database
def test_count_is_a_number_or_a_range() -> None:
    requests = [CapturedRequest("GET /", [("SELECT 1", ())] * count) for count in (2, 4)]

    assert count_queries(requests[:1]) == {"GET /": 2}
    assert count_queries(requests[:1]) != {"GET /": 3}
    assert count_queries(requests) == {"GET /": range(2, 5)}
    assert count_queries(requests) != {"GET /": range(2, 4)}
    assert count_queries(requests) != {"GET /": 2}, "each request must have this number"
    assert count_queries(requests) != {"GET /": range(2, 5), "POST /": 1}
    assert "SELECT 1" in repr(count_queries(requests))


@pytest.mark.any_database
def test_static_responses_need_no_query(client: TestClient) -> None:
    with capture_queries(client) as requests:
        for path in (
            "/.well-known/jwks.json",
            "/docs",
            "/docs/redoc.js",
            "/docs/start.js",
            "/health/live",
            "/health/ready",
            "/openapi.json",
            "/redoc",
        ):
            assert client.get(path).status_code == 200

    assert count_queries(without_features(requests)) == {
        "GET /.well-known/jwks.json": 0,
        "GET /docs": 0,
        "GET /docs/redoc.js": 0,
        "GET /docs/start.js": 0,
        "GET /health/live": 0,
        "GET /health/ready": 1,
        "GET /openapi.json": 0,
        "GET /redoc": 0,
    }


def test_own_account(client: TestClient, as_ada: TestClient, ada: User) -> None:
    with capture_queries(as_ada) as requests:
        as_ada.get(ME)
        as_ada.patch(ME, json={"display_name": "Ada"})
        for _ in range(3):
            as_ada.get(f"{AUTH}/sessions")
            as_ada.get(f"{AUTH}/events")
            sign_in(client, ada)
        other = as_ada.get(f"{AUTH}/sessions").json()[0]
        as_ada.delete(f"{AUTH}/sessions/{other['id']}")
        as_ada.delete(f"{AUTH}/sessions")
        as_ada.get(f"{ME}/export")
        as_ada.post(f"{AUTH}/reauth", json={"password": PASSWORD})
        as_ada.post(f"{AUTH}/password/change", json={"current_password": PASSWORD, "new_password": NEW})
        assert as_ada.delete(ME).status_code == 204

    assert count_queries(without_features(requests)) == {
        "GET /api/v1/users/me": 2,
        "PATCH /api/v1/users/me": 3,
        "GET /api/v1/auth/sessions": 2,
        "GET /api/v1/auth/events": 2,
        "DELETE /api/v1/auth/sessions/{session_id}": 3,
        "DELETE /api/v1/auth/sessions": 3,
        "GET /api/v1/users/me/export": 5,
        "POST /api/v1/auth/reauth": 6,
        "POST /api/v1/auth/password/change": 11,
        "DELETE /api/v1/users/me": 7,
    }


def test_signing_up_and_in(client: TestClient) -> None:
    with capture_queries(client) as requests:
        client.post(f"{AUTH}/register", json={"email": EVE, "password": PASSWORD})
        reset_rate_limits(client)
        client.post(f"{AUTH}/verify-email/resend", json={"email": EVE})
        client.post(f"{AUTH}/verify-email", json={"token": latest_token(client, EVE), "password": PASSWORD})
        client.post(f"{AUTH}/password/forgot", json={"email": EVE})
        client.post(f"{AUTH}/password/reset", json={"token": latest_token(client, EVE), "password": NEW})
        pair = client.post(f"{AUTH}/login", json={"email": EVE, "password": NEW}).json()
        client.post(f"{AUTH}/token/refresh", json={"refresh_token": pair["refresh_token"]})
    eve = with_token(client, pair["access_token"])
    again = with_token(
        client, client.post(f"{AUTH}/login", json={"email": EVE, "password": NEW}).json()["access_token"]
    )
    with capture_queries(eve, again) as ends:
        assert eve.post(f"{AUTH}/logout").status_code == 204
        assert again.post(f"{AUTH}/logout-all").status_code == 204

    assert count_queries(without_features([*requests, *ends])) == {
        "POST /api/v1/auth/register": 11,
        "POST /api/v1/auth/verify-email/resend": 9,
        "POST /api/v1/auth/verify-email": 8,
        "POST /api/v1/auth/password/forgot": 9,
        "POST /api/v1/auth/password/reset": 10,
        "POST /api/v1/auth/login": 10,
        "POST /api/v1/auth/token/refresh": 4,
        "POST /api/v1/auth/logout": 3,
        "POST /api/v1/auth/logout-all": 3,
    }


def test_signing_in_from_a_browser(client: TestClient, ada: User) -> None:
    browser = another_client(client, Origin="http://127.0.0.1:8000")
    with capture_queries(browser) as requests:
        browser.post(f"{AUTH}/cookie/login", json={"email": ada.email, "password": PASSWORD})
        browser.post(f"{AUTH}/cookie/refresh")
        assert browser.post(f"{AUTH}/cookie/logout").status_code == 204

    assert count_queries(without_features(requests)) == {
        "POST /api/v1/auth/cookie/login": 10,
        "POST /api/v1/auth/cookie/refresh": 4,
        "POST /api/v1/auth/cookie/logout": 4,
    }


@pytest.mark.parametrize("last", ["confirm", "cancel", "revert"])
def test_email_change(client: TestClient, last: str) -> None:
    eve = sign_in(client, add_user(client, EVE))
    with capture_queries(eve, client) as requests:
        eve.post(CHANGE, json={"email": EVES_NEW})
        if last != "cancel":
            client.post(f"{CHANGE}/confirm", json={"token": latest_token(client, EVES_NEW)})
        if last != "confirm":
            assert client.post(f"{CHANGE}/{last}", json={"token": latest_token(client, EVE)}).status_code == 204

    assert (
        count_queries(without_features(requests)).items()
        <= {
            "POST /api/v1/auth/email/change": 14,
            "POST /api/v1/auth/email/change/confirm": 12,
            "POST /api/v1/auth/email/change/cancel": 5,
            "POST /api/v1/auth/email/change/revert": 16,
        }.items()
    )
