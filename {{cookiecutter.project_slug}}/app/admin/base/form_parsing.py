"""Form parsing that keeps invalid input, so that the form can show it again."""

from typing import Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette_admin.fields import BaseField, CollectionField, FileField, JSONField, ListField


class InvalidInput(str):
    """Input that its field couldn't parse."""

    __slots__ = ()


def parse_strictly(field: BaseField) -> None:
    """Make a field ignore uploads and return `InvalidInput` for text that it can't parse.

    The library's fields would return None, as if the input were empty, or raise an error.
    """
    if isinstance(field, CollectionField | FileField | ListField):
        return
    parse = field.parse_form_data

    async def parse_or_keep(request: Request, form: FormData) -> Any:  # noqa: ANN401 - a value of any type
        texts = [text for text in form.getlist(field.id) if isinstance(text, str)]
        try:
            value = await parse(request, FormData([(field.id, text) for text in texts]))
        except (ArithmeticError, RecursionError, TypeError, ValueError):
            value, is_null = None, False
        else:
            is_null = value is None and isinstance(field, JSONField)
        submitted = "".join(texts[-1:])
        return InvalidInput(submitted) if value is None and submitted.strip() and not is_null else value

    vars(field)["parse_form_data"] = parse_or_keep
