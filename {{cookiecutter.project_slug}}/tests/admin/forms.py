"""The data that a browser sends for an unchanged form of the admin."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from starlette.testclient import TestClient

_TRIMMED = frozenset({"email", "url"})


@dataclass
class SentForm(HTMLParser):
    """Parses the fields of the POST form, as the admin's scripts and a browser would send them."""

    sent: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self._inside = False
        self._textarea: str | None = None
        self._text = ""
        self._select: str | None = None
        self._options: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Start a field."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = values.get("method") == "POST"
        if not self._inside:
            return
        if tag == "textarea":
            self._textarea, self._text = values["name"], ""
        if tag == "select":
            self._select, self._options = values["name"], []
        if tag == "option" and "selected" in values:
            self._options.append(values["value"])
        if tag == "input" and "name" in values and (values.get("type") != "checkbox" or "checked" in values):
            self.sent.setdefault(values["name"], []).append(_typed(values))

    def handle_endtag(self, tag: str) -> None:
        """Add the field that ends."""
        if tag == "textarea" and self._textarea:
            text = self._text.removeprefix("\n")
            self.sent[self._textarea], self._textarea = [re.sub(r"\r\n?|\n", "\r\n", text)], None
        if tag == "select" and self._select:
            if self._options:
                self.sent[self._select] = self._options
            self._select = None

    def handle_data(self, data: str) -> None:
        """Collect the text of a text area."""
        self._text += data


def _typed(values: dict[str, str]) -> str:
    """Return the value of an input. The date picker drops microseconds and writes a space instead of T."""
    text = re.sub(r"[\r\n]", "", values.get("value", "on" if values.get("type") == "checkbox" else ""))
    if {"field-datetime", "field-time"} & set(values.get("class", "").split()):
        return re.sub(r"\.\d+", "", text.replace("T", " "))
    return text.strip() if values.get("type") in _TRIMMED else text


def unchanged_form_data(browser: TestClient, page: str) -> dict[str, Any]:
    """Load a form, and return the data that is sent if nothing is changed."""
    shown = browser.get(page)
    assert shown.status_code == 200, shown.text
    form = SentForm()
    form.feed(shown.text)
    return form.sent
