"""JSON form field as a plain text area, for accessibility."""

import json
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette_admin.fields import JSONField

from app.admin.base.form_parsing import InvalidInput
from app.api.schemas import check_storable


@dataclass
class JsonField(JSONField):
    """The library's field without its editor, which violates our content security policy."""

    form_template: str = "fields/json.html"

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:  # noqa: ANN401, ARG002
        """Parse JSON that both databases can store. Empty input is null."""
        raw = str(form_data.get(self.id) or "").strip()
        value = check_storable(json.loads(raw)) if raw else None
        json.dumps(value, allow_nan=False)  # 1e400 is infinite
        return value

    async def validate(self, request: Request, value: Any, form_values: dict[str, Any]) -> None:  # noqa: ANN401
        """Accept `{}` and `[]` as required values. The library treats them as missing."""
        if value is None:
            await super().validate(request, value, form_values)
        else:
            await self._run_validators(request, self.validators, value, form_values)

    def text(self, value: object) -> str:
        """Format JSON for the text area."""
        if value is None or isinstance(value, InvalidInput):
            return value or ""
        return json.dumps(value, indent=2, ensure_ascii=False)

    def additional_css_links(self, request: Request) -> list[str]:
        """Skip the editor's assets in forms."""
        return [] if self._needs_form_assets(request) else super().additional_css_links(request)

    def additional_js_links(self, request: Request) -> list[str]:
        """Skip the editor's assets in forms."""
        return [] if self._needs_form_assets(request) else super().additional_js_links(request)
