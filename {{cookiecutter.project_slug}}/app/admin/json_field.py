"""JSON in a form: text, which every keyboard, phone and screen reader can edit."""

import json
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette_admin.fields import JSONField


class Unreadable(str):
    """What was entered, and is not JSON; it is shown again."""

    __slots__ = ()


@dataclass
class JsonField(JSONField):
    """The library's field without its editor, which breaks our content security policy."""

    form_template: str = "fields/json.html"

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:  # noqa: ANN401, ARG002
        """Read JSON; nothing is null."""
        raw = str(form_data.get(self.id) or "").strip()
        try:
            return json.loads(raw) if raw else None
        except (ValueError, RecursionError):
            return Unreadable(raw)

    def text(self, value: object) -> str:
        """Write JSON for people."""
        if value is None or isinstance(value, Unreadable):
            return value or ""
        return json.dumps(value, indent=2, ensure_ascii=False)

    def additional_css_links(self, request: Request) -> list[str]:
        """Ask for nothing in a form."""
        return [] if self._needs_form_assets(request) else super().additional_css_links(request)

    def additional_js_links(self, request: Request) -> list[str]:
        """Ask for nothing in a form."""
        return [] if self._needs_form_assets(request) else super().additional_js_links(request)
