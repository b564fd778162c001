"""The menu: sections and icons of views."""

import re
from collections.abc import Iterable
from typing import Any

from fastapi import Request

from app.i18n import gettext_noop

CONTENT, PEOPLE, SYSTEM = gettext_noop("Content"), gettext_noop("People"), gettext_noop("System")
"""Sections. A view can be in another one, which is shown after the content."""

_WORDS = {
    "address city country location place": "location-dot",
    "appointment booking event reservation": "calendar-days",
    "article page post": "newspaper",
    "author contact customer employee member person": "user",
    "book": "book",
    "brand category genre label tag topic": "tag",
    "building company organisation organization supplier": "building",
    "cart order": "cart-shopping",
    "comment message remark review": "comment",
    "course lesson student": "graduation-cap",
    "device server": "server",
    "document file": "file",
    "folder project": "folder",
    "group team": "people-group",
    "image photo": "image",
    "invoice quote": "file-invoice",
    "issue ticket": "ticket",
    "item product": "box",
    "job task": "list-check",
    "meal recipe": "utensils",
    "measurement metric": "chart-line",
    "note": "note-sticky",
    "payment price subscription": "credit-card",
}

ICONS = {word: icon for words, icon in _WORDS.items() for word in words.split()}


def icon_for(model_name: str) -> str:
    """Return the icon for the last known word of a name such as `BookReview`, or that of a list."""
    words = re.findall(r"[A-Z][a-z]+", model_name)
    name = next((ICONS[word.lower()] for word in reversed(words) if word.lower() in ICONS), "rectangle-list")
    return f"fa-solid fa-{name}"


def menu_sections(request: Request, views: Iterable[Any]) -> dict[str, list[Any]]:
    """Return the views of models that the user can access, by section."""
    shown = [view for view in views if hasattr(view, "section") and view.is_accessible(request)]
    others = [view.section for view in shown if view.section not in {PEOPLE, SYSTEM}]
    sections = dict.fromkeys([CONTENT, *others, PEOPLE, SYSTEM])
    by_section = {name: [view for view in shown if view.section == name] for name in sections}
    return {name: members for name, members in by_section.items() if members}
