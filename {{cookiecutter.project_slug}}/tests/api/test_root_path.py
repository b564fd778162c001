"""URLs of the app below a root path, and with a forged `Host` header."""

from collections.abc import Callable

import pytest
from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from starlette.testclient import TestClient

from app.errors import Conflict
from app.settings.config import Settings
from tests.support import PASSWORD, add_user, problem_of, with_token

pytestmark = pytest.mark.any_database

BELOW = "http://testserver/below"
NOTES = "/api/v1/sample-notes"


@pytest.fixture
def below(start_app: Callable[..., TestClient]) -> TestClient:
    """Return the app with a root path."""
    return start_app(base_url=BELOW)


@pytest.mark.parametrize("sent", [pytest.param("/below", id="unchanged"), pytest.param("", id="stripped")])
def test_proxy_can_strip_the_root_path_or_not(below: TestClient, sent: str) -> None:
    email = add_user(below, "ada@example.com").email
    token = below.post(f"{sent}/api/v1/auth/login", json={"email": email, "password": PASSWORD}).json()["access_token"]

    made = with_token(below, token).post(f"{sent}{NOTES}", json={"title": "Milk"})

    assert made.status_code == 201
    assert made.headers["Location"] == f"/below{NOTES}/{made.json()['id']}"
    assert problem_of(below.get(f"{sent}/api/v1/users/me"))["instance"] == "/below/api/v1/users/me"
    assert below.get(f"{sent}/openapi.json").json()["servers"] == [{"url": "/below"}]
    assert below.get(f"{sent}/health/live").status_code == 200
    assert below.get(f"{sent}{NOTES}/").headers["Location"] == f"/below{NOTES}"
    assert below.get(f"{sent}/belows{NOTES}").status_code == 404


def test_cross_site_check_works_below_a_root_path(below: TestClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}

    assert below.post("/below/api/v1/auth/login", json={}, headers=foreign).status_code == 422
    assert problem_of(below.post("/below/anywhere", headers=foreign))["type"] == "urn:problem:CrossSiteRequest"
    assert problem_of(below.post("/below/below/api/x", headers=foreign))["type"] == "urn:problem:CrossSiteRequest"


def test_document_without_a_root_path_names_the_root(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/"}]


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/docs", "/health"])
def test_root_path_that_is_also_a_route_is_rejected(start_app: Callable[..., TestClient], path: str) -> None:
    with pytest.raises(Conflict, match=f"BASE_URL can't end in {path}: the project uses that path itself"):
        start_app(base_url=f"https://example.com{path}")


@pytest.mark.parametrize("given", ["/a b", "/a?b", "/a//b", "/a.b", "/a#b", "@b/"])
def test_malformed_root_path_is_rejected(make_settings: Callable[..., Settings], given: str) -> None:
    with pytest.raises(ValueError, match=r"use https://example\.com or"):
        make_settings(base_url=f"https://example.com{given}")


@pytest.mark.parametrize(
    ("base_url", "prefix"),
    [
        pytest.param("https://example.com", "__Host-", id="https"),
        pytest.param("https://example.com/below", "__Host-below.", id="https-below-a-path"),
        pytest.param("https://example.com:8443/a/b/", "__Host-8443.a.b.", id="https-on-a-port"),
        pytest.param("http://localhost", "a-b.", id="http"),
        pytest.param("http://localhost:8001/below", "a-b.8001.below.", id="http-on-a-port-below-a-path"),
    ],
)
def test_cookie_prefix_distinguishes_projects_on_a_host(
    make_settings: Callable[..., Settings], base_url: str, prefix: str
) -> None:
    assert make_settings(base_url=base_url, project_name="A & B").cookie_prefix == prefix


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "testserver"])
@pytest.mark.parametrize("path", [f"{NOTES}/", "/health/live/", "/docs/", "/docs/?a=%2F%2Fevil.example"])
def test_redirects_within_the_site_are_relative(client: TestClient, host: str, path: str) -> None:
    response = client.get(path, headers={"Host": host})

    assert (response.status_code, response.headers["Location"]) == (307, path.replace("/?", "?").removesuffix("/"))


def test_redirects_to_other_sites_are_unchanged(client: TestClient, add_routes: Callable[..., None]) -> None:
    router = APIRouter()

    @router.get("/leave")
    async def leave(to: str) -> RedirectResponse:
        return RedirectResponse(to)

    add_routes(router)

    for target in ("https://accounts.example/x", "http://testserver.example/x", "https://testserver/x", "/x"):
        assert client.get("/leave", params={"to": target}).headers["Location"] == target
    assert client.get("/leave", params={"to": "http://testserver//x.example/"}).headers["Location"] == "/x.example/"
