"""A browser for tests: keeps cookies, parses HTML and submits forms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from app.accounts.models import User
from app.accounts.sessions import sessions
from app.database.durations import format_duration, parse_duration
from app.web.formatting import input_value
from tests.support import TEST_CLIENT, another_client, in_database

VOID_ELEMENTS = frozenset({"br", "hr", "img", "input", "link", "meta"})


def open_browser(client: TestClient, user: User | None = None, address: str = "http://testserver") -> TestClient:
    """Return a new client of the same app with its own cookies; signed in if a user is given."""
    browser = another_client(client, address, Accept="text/html,*/*;q=0.8")
    if user is not None:
        authenticator = client.app_state["authenticator"]
        _, cookie = in_database(
            client,
            lambda session: sessions.create_web_session(session, authenticator, user, TEST_CLIENT, remember=False),
        )
        browser.cookies.set(cookie_name(client), cookie, domain="testserver.local")
    return browser


def cookie_name(client: TestClient, name: str = "session") -> str:
    """Return the full name of a cookie."""
    return f"{client.app_state['settings'].cookie_prefix}{name}"


def is_signed_in(browser: TestClient) -> bool:
    """Return whether the browser is signed in."""
    return browser.get("/account").status_code == 200


def copy_browser(browser: TestClient) -> TestClient:
    """Return another browser with the same cookies, like an attacker who copied them."""
    attacker = open_browser(browser)
    attacker.cookies.update(browser.cookies)
    return attacker


def submit(
    browser: TestClient,
    page: str,
    data: Mapping[str, Any] | None = None,
    /,
    *,
    action: str | None = None,
    **fields: Any,
) -> Response:
    """Load a page, fill in its form (the one sent to `action`, by default to the page itself), and submit it."""
    shown = browser.get(page)
    assert shown.status_code == 200, shown.text
    target = action or page.partition("?")[0]
    sent = {**read_page(shown).forms[target], **(data or {}), **fields}
    return browser.post(target, data={name: _with_line_ends(value) for name, value in sent.items()})


def _with_line_ends(value: Any) -> Any:
    return re.sub(r"\r\n?|\n", "\r\n", value) if isinstance(value, str) else value


def form_values(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the form values for this JSON data. A duration is written as people do."""
    is_duration = re.compile(r"-?P(?=[\dT])[\dDHMSTY.]+").fullmatch
    return {
        name: format_duration(parse_duration(value))
        if isinstance(value, str) and is_duration(value)
        else input_value(value)
        for name, value in data.items()
    }


def linked_ids(response: Response, path: str) -> list[str]:
    """Return the ids of the rows below `path` that a page links to, in order."""
    found = [link.removeprefix(f"{path}/") for link in read_page(response).links if link.startswith(f"{path}/")]
    return [row for row in found if row != "new"]


@dataclass
class Page(HTMLParser):
    """A parsed page."""

    forms: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The values of each unchanged form, by its action; a list if several fields have one name."""
    options: dict[str, list[str]] = field(default_factory=dict)
    """The options of each select and group of checkboxes, by name."""
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    labelled: set[str] = field(default_factory=set)
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    """The attributes of each visible field, by its id."""
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._form: dict[str, Any] = {}
        self._textarea: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect ids, links and fields."""
        values = {name: value or "" for name, value in attrs}
        assert not {name for name in values if name.startswith("on") or name == "style"}, "inline code"
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if tag == "a" else []
        if tag not in VOID_ELEMENTS:
            self._open.append(tag)
        if tag == "form":
            self._form = self.forms[values["action"]] = {}
        if tag == "label":
            self.labelled.add(values["for"])
        if tag in {"input", "textarea", "select"}:
            self._note_field(tag, values)
        if tag == "option" and self._select is not None:
            self.options.setdefault(self._select, []).append(values["value"])
            if "selected" in values or self._select not in self._form:
                self._form[self._select] = values["value"]

    def handle_endtag(self, tag: str) -> None:
        """Check that the last opened tag is closed."""
        assert self._open.pop() == tag
        self._textarea = None if tag == "textarea" else self._textarea
        self._select = None if tag == "select" else self._select

    def handle_data(self, data: str) -> None:
        """Collect the text. A textarea's text is its value, without the leading line break."""
        self.text += data
        if self._textarea is not None:
            self._form[self._textarea] = re.sub(r"\r\n?", "\n", data).removeprefix("\n")

    def _note_field(self, tag: str, values: dict[str, str]) -> None:
        if values.get("type") != "hidden":
            self.fields[values["id"]] = values
        if tag == "textarea":
            self._textarea = values["name"]
        if tag == "select":
            self._select = values["name"]
        elif values.get("type") == "checkbox":
            self.options.setdefault(values["name"], []).append(values["value"])
            if "checked" in values:
                self._form[values["name"]] = [*self._sent(values["name"]), values["value"]]
        else:
            self._form[values["name"]] = _held(values)

    def _sent(self, name: str) -> list[str]:
        """Return the values of the same name so far: a checkbox's hidden field, other checkboxes."""
        sent = self._form.get(name, [])
        return sent if isinstance(sent, list) else [sent]


def _held(values: Mapping[str, str]) -> str:
    """Return an input's value as browsers sanitize it: one line, trimmed, times shortened."""
    text, kind = re.sub(r"[\r\n]", "", values.get("value", "")), values.get("type")
    if kind in {"datetime-local", "time"} and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.strip() if kind in {"email", "url"} else text


def read_page(response: Response) -> Page:
    """Parse a page and check it: all tags closed, all fields labelled, all references valid."""
    page = Page()
    page.feed(response.text)
    page.close()
    assert page._open == []  # noqa: SLF001 - same module
    assert [page.tags.count(tag) for tag in ("h1", "main", "title")] == [1, 1, 1]
    assert len(page.ids) == len(set(page.ids))
    assert set(page.fields) == page.labelled
    described = {name for field in page.fields.values() for name in field.get("aria-describedby", "").split()}
    assert described <= set(page.ids)
    return page
