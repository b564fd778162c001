"""Account page for the profile picture."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.features.profile_pictures.helpers import MINE, count_rows, upload
from tests.files.helpers import SVG, image_bytes
from tests.query_counts import capture_queries, count_queries
from tests.support import sign_in
from tests.web.browser import open_browser, read_page, submit

pytestmark = pytest.mark.any_database  # the API tests cover their services on both databases

PAGE = "/account/picture"


def send(browser: TestClient, content: bytes, name: str = "me.png") -> Any:
    """Submit the form with this file."""
    form = read_page(browser.get(PAGE)).forms[PAGE]
    return browser.post(PAGE, data={"csrf_token": form["csrf_token"]}, files={"picture": (name, content, "image/png")})


def test_picture_is_uploaded_and_removed(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    saved = send(browser, image_bytes("PNG", 40, 30))

    assert (saved.status_code, saved.headers["Location"]) == (303, PAGE)
    page = browser.get(PAGE)
    assert "Picture saved." in read_page(page).text
    assert f"/users/{ada.id}/picture?v=" in page.text
    assert browser.get(f"/users/{ada.id}/picture").headers["Content-Type"] == "image/png"
    removed = submit(browser, PAGE, action=f"{PAGE}/remove")
    assert removed.status_code == 303
    assert f"{PAGE}/remove" not in read_page(browser.get(PAGE)).forms
    assert count_rows(client) == (0, 0)


@pytest.mark.parametrize(("content", "status"), [(SVG, 422), (b"", 422), (b"x" * 6_000_000, 413)])
def test_other_files_are_rejected(client: TestClient, ada: User, content: bytes, status: int) -> None:
    browser = open_browser(client, ada)

    rejected = send(browser, content)

    assert rejected.status_code == status
    assert count_rows(client) == (0, 0)


def test_error_is_next_to_the_field(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    for rejected in (send(browser, SVG), submit(browser, PAGE)):
        assert rejected.status_code == 422
        assert read_page(rejected).fields["picture"]["aria-invalid"] == "true"


def test_token_is_required(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    upload(sign_in(client, ada))

    sent = [
        browser.post(PAGE, files={"picture": ("me.png", image_bytes("PNG", 40, 30))}),
        browser.post(f"{PAGE}/remove"),
    ]

    assert [response.status_code for response in sent] == [403, 403]
    assert count_rows(client) == (1, 1)


def test_users_without_a_picture_have_a_placeholder(client: TestClient, ada: User, bob: User) -> None:
    shown = open_browser(client, ada).get(f"/users/{bob.id}/picture")

    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/svg+xml")
    assert open_browser(client).get(f"/users/{bob.id}/picture").status_code == 303


def test_picture_is_visible_to_users_who_see_the_name(
    client: TestClient, as_ada: TestClient, ada: User, bob: User
) -> None:
    upload(as_ada)

    shown = open_browser(client, bob).get(f"/users/{ada.id}/picture")

    assert shown.content == as_ada.get(MINE).content


def test_number_of_queries(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    with capture_queries(browser) as requests:
        send(browser, image_bytes("PNG", 40, 30))
        browser.get(f"/users/{ada.id}/picture")
        submit(browser, PAGE, action=f"{PAGE}/remove")

    assert count_queries(requests) == {
        "GET /account/picture": 2,
        "POST /account/picture": 6,
        "GET /users/{user_id}/picture": 2,
        "POST /account/picture/remove": 6,
    }
