"""A browser as tests need it: it keeps cookies, reads HTML and submits the forms that it is shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from app.accounts.models import User
from app.accounts.sessions import sessions
from app.web.formatting import input_value
from tests.support import TEST_CLIENT, another_client, in_database

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


def open_browser(client: TestClient, user: User | None = None, address: str = "http://testserver") -> TestClient:
    """Return the same running app, with cookies of its own; signed in when a user is given."""
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
    """Return what a cookie is called in a browser."""
    return f"{client.app_state['settings'].cookie_prefix}{name}"


def submit(
    browser: TestClient,
    page: str,
    data: Mapping[str, Any] | None = None,
    /,
    *,
    action: str | None = None,
    **fields: Any,
) -> Response:
    """Load a page, fill in its form (the one that goes to `action`, the page itself if not said), and send it."""
    shown = browser.get(page)
    assert shown.status_code == 200, shown.text
    target = action or page.partition("?")[0]
    sent = {**read_page(shown).forms[target], **(data or {}), **fields}
    return browser.post(target, data={name: _with_line_ends(value) for name, value in sent.items()})


def _with_line_ends(value: Any) -> Any:
    return re.sub(r"\r\n?|\n", "\r\n", value) if isinstance(value, str) else value


def entered(data: Mapping[str, Any]) -> dict[str, str]:
    """Return what people enter in a form to say the same as this JSON."""
    return {name: input_value(value) for name, value in data.items()}


def linked(answer: Response, path: str) -> list[str]:
    """Return the ids of the rows under `path` that a page links to, in its order."""
    found = [link.removeprefix(f"{path}/") for link in read_page(answer).links if link.startswith(f"{path}/")]
    return [row for row in found if row != "new"]


@dataclass
class Page(HTMLParser):
    """What a page holds, and what is wrong with it."""

    forms: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each form sends if nobody changes it, by its action; a list where several fields have one name."""
    options: dict[str, list[str]] = field(default_factory=dict)
    """What each select and each group of boxes offers, by its name."""
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    labelled: set[str] = field(default_factory=set)
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    """The attributes of each field that people see, by its id."""
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._form: dict[str, Any] = {}
        self._textarea: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins."""
        values = {name: value or "" for name, value in attrs}
        assert not {name for name in values if name.startswith("on") or name == "style"}, "inline code"
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if tag == "a" else []
        if tag not in VOID:
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
        """Compare what ends with what began last."""
        assert self._open.pop() == tag
        self._textarea = None if tag == "textarea" else self._textarea
        self._select = None if tag == "select" else self._select

    def handle_data(self, data: str) -> None:
        """Collect the text; a textarea's is the value of its field, less the line end it begins with."""
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
        """Return what stands under the same name already: the hidden field of a checkbox, other boxes."""
        sent = self._form.get(name, [])
        return sent if isinstance(sent, list) else [sent]


def _held(values: Mapping[str, str]) -> str:
    """Return the value of an input as a browser holds it: in one line, trimmed, a time as short as it can be."""
    text, kind = re.sub(r"[\r\n]", "", values.get("value", "")), values.get("type")
    if kind in {"datetime-local", "time"} and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.strip() if kind in {"email", "url"} else text


def read_page(answer: Response) -> Page:
    """Read a page, which must be sound: every tag closed, every field labelled, every reference to something."""
    page = Page()
    page.feed(answer.text)
    page.close()
    assert page._open == []  # noqa: SLF001 - our own
    assert [page.tags.count(tag) for tag in ("h1", "main", "title")] == [1, 1, 1]
    assert len(page.ids) == len(set(page.ids))
    assert set(page.fields) == page.labelled
    described = {name for field in page.fields.values() for name in field.get("aria-describedby", "").split()}
    assert described <= set(page.ids)
    return page
