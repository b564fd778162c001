"""The home page."""

from collections.abc import Callable
from unittest import mock

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.accounts.permissions import Permission
from app.web.latest import FEATURES, ROWS
from tests.query_counts import capture_queries, count_queries
from tests.routes import app_of
from tests.web.browser import open_browser, read_page

pytestmark = pytest.mark.any_database

NOTES = "/api/v1/sample-notes"


def test_home_shows_the_project_name_and_links(client: TestClient) -> None:
    response = open_browser(client).get("/")

    page = read_page(response)
    assert response.status_code == 200
    settings = client.app_state["settings"]
    assert settings.project_name in page.text
    assert settings.project_description in page.text
    assert {"/login", "/signup"} <= set(page.links)


@pytest.mark.parametrize("environment", ["development", "test"])
def test_home_links_to_tools_of_developers_in_development(
    start_app: Callable[..., TestClient], environment: str
) -> None:
    page = read_page(open_browser(start_app(environment=environment)).get("/"))

    tools = {"/redoc", "/openapi.json"}
    assert tools & set(page.links) == (tools if environment == "development" else set())


def test_home_makes_no_database_queries(client: TestClient) -> None:
    browser = open_browser(client)
    with capture_queries(browser) as requests:
        browser.get("/")

    assert count_queries(requests) == {"GET /": 0}


def test_home_shows_the_latest_rows_of_the_user(
    as_ada: TestClient, as_bob: TestClient, client: TestClient, ada: User
) -> None:
    browser = open_browser(client, ada)
    notes = [item for item in app_of(client).state.nav if item.path == "/sample-notes"]
    with mock.patch.object(app_of(client).state, "nav", notes):  # not beside others, which could be the first six
        assert "Nothing here yet" in browser.get("/").text
        rows = [as_ada.post(NOTES, json={"title": f"Tea {index} & more"}).json() for index in range(ROWS + 1)]
        as_bob.post(NOTES, json={"title": "Bob's"})
        page = read_page(browser.get("/"))

    shown = [link for link in page.links if link.startswith("/sample-notes/")]
    assert shown == [f"/sample-notes/{row['id']}" for row in rows[:0:-1]]
    assert "Tea 5 & more" in page.text
    assert "Bob's" not in page.text
    assert "Nothing here yet" not in page.text


def test_home_asks_for_the_rows_of_a_few_features(client: TestClient, ada: User) -> None:
    nav = [item for item in app_of(client).state.nav if item.latest]
    browser = open_browser(client, ada)
    queries = {}
    for count in (1, FEATURES + 1):
        many = [nav[0]._replace(path=f"/{number}") for number in range(count)]
        with mock.patch.object(app_of(client).state, "nav", many), capture_queries(browser) as requests:
            assert set(read_page(browser.get("/")).links) >= {item.path for item in many}
        queries[count] = count_queries(requests)["GET /"]

    assert queries == {1: 2, FEATURES + 1: 1 + FEATURES}


def test_home_names_rows_without_a_title_and_shortens_long_ones(
    as_ada: TestClient, client: TestClient, ada: User
) -> None:
    row = as_ada.post(NOTES, json={"title": "x" * 150}).json()
    browser = open_browser(client, ada)
    assert f">{'x' * 97}...</a>" in browser.get("/").text
    (item,) = [item for item in app_of(client).state.nav if item.path == "/sample-notes"]
    untitled = item._replace(latest=item.latest._replace(title=item.latest.key))

    with mock.patch.object(app_of(client).state, "nav", [untitled]):
        assert f"Sample note {row['id']}" in read_page(browser.get("/")).text


def test_home_shows_rows_only_to_those_who_may_see_the_page(client: TestClient, ada: User) -> None:
    hidden = [item._replace(permission=Permission.ADMIN_ACCESS) for item in app_of(client).state.nav]
    browser = open_browser(client, ada)
    with mock.patch.object(app_of(client).state, "nav", hidden), capture_queries(browser) as requests:
        browser.get("/")

    assert count_queries(requests) == {"GET /": 1}


def test_all_links_on_home_work(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    links = {link for link in read_page(browser.get("/")).links if link.startswith("/")}

    assert {link: browser.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_home_shows_the_signed_in_user(client: TestClient, ada: User) -> None:
    assert ada.email in open_browser(client, ada).get("/").text
    assert ada.email not in open_browser(client).get("/").text
