"""What forms show of a field, from its column and schema: label, hint, kind of input and whether it is optional."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, get_args

from babel.support import LazyProxy
from pydantic import BaseModel, EmailStr
from pydantic.fields import FieldInfo
from sqlalchemy import Column, String
from starlette_admin.fields import BaseField, BooleanField, DateTimeField, EnumField, StringField, TagsField, UUIDField

from app.admin.base.durations import DurationField
from app.admin.base.fields import TIME_TEMPLATE, column_default
from app.admin.base.help_texts import help_text_for
from app.admin.base.json_field import JsonField
from app.admin.base.labels import LABELS
from app.api.field_types import SLUG_PATTERN, HttpUrlString, PhoneNumber
from app.api.schemas import unwrap_annotation
from app.database.rows import needs_row
from app.database.titles import label_of_name
from app.i18n import gettext, gettext_noop

_HINTS: dict[type[BaseField], str] = {
    DateTimeField: gettext_noop("In UTC."),  # `static/admin.js` replaces this
    DurationField: gettext_noop("For example 1h 30m."),
    TagsField: gettext_noop("Press Enter after each."),
    UUIDField: gettext_noop("For example 7488a646-e31f-41e4-aace-600308960662."),
}
_HTTP_URL, _PHONE_NUMBER = get_args(HttpUrlString)[-1], get_args(PhoneNumber)[-1]


def complete_field(
    field: BaseField, column: Column[Any] | None, model: type[Any], schema: type[BaseModel] | None
) -> None:
    """Set what a view doesn't define."""
    if field.label == field.name.replace("_", " ").capitalize():  # the library's default
        field.label = label_of_name(field.name)
    info = schema.model_fields.get(field.name) if schema else None
    if isinstance(field, StringField) and field.input_type == "text":
        field.input_type = _input_type(info)
    field.help_text = field.help_text or _help_text(help_text_for(model, field.name, schema), _hint(field, info), model)
    if _is_shown_by_default(field):
        field.list_template, field.detail_template = TIME_TEMPLATE, TIME_TEMPLATE
    if column is not None and (field.default is None or needs_row(column.default)):
        field.default = column_default(column)
    field.extra = {"optional": _is_optional(field, column), **(field.extra or {})}


def _is_shown_by_default(field: BaseField) -> bool:
    """Return whether a field has a datetime, and the view has neither a format nor a template for it."""
    templates = (field.list_template, field.detail_template)
    return (
        type(field) is DateTimeField
        and templates == (DateTimeField.list_template, DateTimeField.detail_template)
        and field.output_format is None
        and not field.formatter
    )


def _is_optional(field: BaseField, column: Column[Any] | None) -> bool:
    """Return whether a form can be saved without a value. The library doesn't require one if there is a default."""
    if field.required or isinstance(field, BooleanField):
        return False
    if column is None or column.nullable or needs_row(column.default) or isinstance(field, TagsField):
        return True
    return isinstance(column.type, String) and not isinstance(field, EnumField)


def _help_text(text: str | None, hint: str | None, model: type[Any]) -> Any:  # noqa: ANN401 - text, None or a proxy
    """Return a help text with a hint, which are translated when they are shown."""
    if not hint:
        return text
    if text:
        LABELS.setdefault(text, model.__module__ if model.__module__.startswith("app.features.") else __name__)
    return LazyProxy(lambda: " ".join(gettext(part) for part in (text, hint) if part), enable_cache=False)


def _input_type(info: FieldInfo | None) -> str:
    rules = [*_rules(info)]
    if _PHONE_NUMBER in rules:
        return "tel"
    if _HTTP_URL in rules:
        return "url"
    return "email" if info and unwrap_annotation(info.annotation)[0] is EmailStr else "text"


def _hint(field: BaseField, info: FieldInfo | None) -> str | None:
    """Return how to enter a value, as pages do."""
    rules = [*_rules(info)]
    if SLUG_PATTERN in (getattr(rule, "pattern", None) for rule in rules):
        return gettext_noop("Lowercase letters, digits and hyphens.")
    if _PHONE_NUMBER in rules:
        return gettext_noop("With the country code, such as +43 660 1234567.")
    if _HTTP_URL in rules:
        return gettext_noop("Starts with https:// or http://.")
    if isinstance(field, JsonField) and info and unwrap_annotation(info.annotation)[0] is dict:
        return gettext_noop('A JSON object, for example {"size": 3}.')
    return _HINTS.get(type(field))


def _rules(info: FieldInfo | None) -> Iterator[Any]:
    """Yield the constraints and validators of a schema's field, which for `Annotated[…] | None` are inside."""
    if info is not None:
        yield from info.metadata
        yield from chain.from_iterable(get_args(part)[1:] for part in get_args(info.annotation))
