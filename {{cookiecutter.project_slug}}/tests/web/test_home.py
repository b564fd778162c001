"""The home page."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.query_counts import capture_queries, count_queries
from tests.web.browser import open_browser, read_page

pytestmark = pytest.mark.any_database


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


def test_all_links_on_home_work(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    links = {link for link in read_page(browser.get("/")).links if link.startswith("/")}

    assert {link: browser.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_home_shows_the_signed_in_user(client: TestClient, ada: User) -> None:
    assert ada.email in open_browser(client, ada).get("/").text
    assert ada.email not in open_browser(client).get("/").text
