"""Form parsing that keeps invalid input, so that the form can show it again."""

from typing import Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette_admin.fields import BaseField, CollectionField, FileField, JSONField, ListField


class InvalidInput(str):
    """What was typed into a field that cannot read it."""

    __slots__ = ()


def parse_strictly(field: BaseField) -> None:
    """Let a field read text alone, and return `Unreadable` for text that it cannot read.

    The library's fields return nothing then, as if nothing had been typed, or raise an error.
    """
    if isinstance(field, CollectionField | FileField | ListField):
        return
    parse = field.parse_form_data

    async def read(request: Request, form: FormData) -> Any:  # noqa: ANN401 - a value of any kind
        texts = [text for text in form.getlist(field.id) if isinstance(text, str)]
        try:
            value = await parse(request, FormData([(field.id, text) for text in texts]))
        except (ArithmeticError, RecursionError, TypeError, ValueError):
            value, is_null = None, False
        else:
            is_null = value is None and isinstance(field, JSONField)
        typed = "".join(texts[-1:])
        return InvalidInput(typed) if value is None and typed.strip() and not is_null else value

    vars(field)["parse_form_data"] = read
