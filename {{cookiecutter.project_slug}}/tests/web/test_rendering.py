"""What all pages share: headers, cookies, static files, and the words of forms."""

from typing import Annotated, Literal

import anyio
import pytest
from pydantic import Field
from starlette.requests import Request
from starlette.testclient import TestClient

from app.accounts.models import User
from app.schemas import Schema
from app.web.forms import read_form
from tests.web.browsing import open_browser, read_page, submit

pytestmark = pytest.mark.any_database


def test_pages_are_kept_by_no_cache_and_allow_no_inline_code(client: TestClient, ada: User) -> None:
    """Behaviours 139, 142."""
    answer = open_browser(client, ada).get("/account")

    policy = answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in policy
    for directive in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert directive in policy


def test_only_a_page_with_a_form_gives_a_stranger_a_cookie(client: TestClient) -> None:
    browser = open_browser(client)

    assert "set-cookie" not in browser.get("/nowhere").headers
    assert browser.get("/login").headers["set-cookie"].startswith("anonymous=")
    assert "set-cookie" not in browser.get("/login").headers


def test_static_files_are_kept_until_they_change(client: TestClient) -> None:
    browser = open_browser(client)
    page = browser.get("/login").text
    (address,) = (part for part in page.split('"') if part.startswith("/static/site.css?v="))

    first = browser.get(address)
    again = browser.get(address, headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Content-Type"] == "text/css; charset=utf-8"
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    assert (again.status_code, again.content) == (304, b"")


def test_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    answer = open_browser(client).get("/login")

    assert read_page(answer).tags.count("script") == 0
    assert "//" not in answer.text.replace("<!doctype html>", "")


def test_menu_marks_the_page_that_is_shown(client: TestClient, ada: User) -> None:
    assert '<a href="/account" aria-current="page">' in open_browser(client, ada).get("/account").text


class Everything(Schema):
    """A field of every kind."""

    word: Annotated[str, Field(min_length=2, max_length=3, pattern="^a")]
    number: int = 1
    share: Annotated[float, Field(le=1)] = 0.5
    choice: Literal["yes", "no"] = "yes"


def read(body: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Read a form that was sent with this body: values and errors."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    form = anyio.run(read_form, Request({"type": "http", "headers": headers}, receive), Everything)
    return dict(form.values), dict(form.errors)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b"", "word", "Please fill this in."),
        (b"word=", "word", "Please fill this in."),
        (b"word=a", "word", "Please use at least 2 characters."),
        (b"word=aaaa", "word", "Please use at most 3 characters."),
        (b"word=bb", "word", "Please check this: it does not have the right form."),
        (b"word=a%00", "word", "Must not contain the NUL character."),
        (b"word=aa&number=x", "number", "Please enter a whole number."),
        (b"word=aa&share=x", "share", "Please enter a number."),
        (b"word=aa&share=2", "share", "This should be less than or equal to 1."),
        (b"word=aa&choice=maybe", "choice", "Please choose one of the options."),
    ],
)
def test_errors_are_in_plain_words(body: bytes, field: str, words: str) -> None:
    _, errors = read(body)

    assert errors == {field: words}


def test_line_ends_are_what_they_were_before_the_browser_changed_them() -> None:
    values, errors = read(b"word=a%0D%0Ab")

    assert (values, errors) == ({"word": "a\nb"}, {})


def test_nobody_else_can_put_words_on_a_page(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    submit(browser, "/account", display_name="Ada")
    words, mac = browser.cookies["notice"].split(".")

    browser.cookies.set("notice", f"{words[::-1]}.{mac}", domain="testserver.local")

    assert 'role="status"' not in browser.get("/account?notice=forged&saved=yes").text
