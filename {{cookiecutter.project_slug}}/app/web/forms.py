"""HTML forms: validate input with a schema and show errors next to the fields.

`empty_form(NoteCreate)` and `form_from_record(NoteUpdate, note)` return a form to show; `parse_form` reads a submitted
one. An empty field is null if the schema allows it. A list has one item per line or per ticked checkbox. Dates with
times are in UTC. A dictionary is entered as JSON.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from http import HTTPStatus
from itertools import chain
from typing import Any, Generic, NoReturn, TypeVar, get_args

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from starlette.datastructures import FormData

from app.api.field_types import SingleLine
from app.api.pagination import PageParams
from app.api.schemas import unwrap_annotation
from app.api.validation_messages import validation_message
from app.database.rows import Versioned
from app.errors import InvalidRequest, Problem, VersionConflict
from app.i18n import gettext
from app.web.formatting import input_value
from app.web.picker_search import Selection, is_search, read_searches

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True)
class Form(Generic[S]):
    """A form for a template: empty, filled from a record, or submitted, possibly with errors."""

    data: S | None = None
    """Validated data, or None if invalid."""
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    non_field_error: str = ""
    """Error that isn't about a single field."""
    status: int = HTTPStatus.OK
    """HTTP status of the response that shows the form."""
    version: str = ""
    """Version of the record when the form was opened; the hidden field `version` of an edit form."""
    searches: Mapping[str, str] | None = field(default_factory=dict)
    """Texts that the options of pickers are searched for, by field; None if they can't be searched."""

    def value(self, name: str) -> str:
        """Return the field's value."""
        return self.values.get(name, "")

    def selected(self, name: str) -> Selection:
        """Return the selected values of a picker."""
        return Selection(filter(None, self.value(name).split("\n")), (self.searches or {}).get(name, ""))

    def error(self, name: str) -> str | None:
        """Return the field's error."""
        return self.errors.get(name)

    @property
    def has_conflict(self) -> bool:
        """Whether the record has changed since the form was opened."""
        return self.status == VersionConflict.status

    @property
    def first_error(self) -> str | None:
        """Return the name of the field to focus."""
        return next(iter(self.errors), None)

    def with_errors(self, **errors: str) -> "Form[S]":
        """Return the form with errors found by a service, by field."""
        return replace(self, data=None, errors={**self.errors, **errors}, status=InvalidRequest.status)

    def with_problem(self, problem: Problem) -> "Form[S]":
        """Return the form with a service's problem: next to the fields it names, else above the form."""
        if not problem.errors:
            text = problem.detail or f"{gettext(problem.title)}."
            return replace(self, data=None, non_field_error=text, status=problem.status)
        form = self.with_errors(**{str(error["loc"][-1]): f"{gettext(error['msg'])}." for error in problem.errors})
        return replace(form, status=problem.status)

    def with_conflict(self, record: Versioned) -> "Form[S]":
        """Return the form with the record's current version, so that the user can overwrite it after a conflict."""
        return replace(self, data=None, status=VersionConflict.status, version=str(record.version))


def empty_form(schema: type[S]) -> Form[S]:
    """Return a form with the schema's defaults, to create something."""
    defaults = {
        name: info.get_default(call_default_factory=True, validated_data={})
        for name, info in schema.model_fields.items()
    }
    return Form(values={name: input_value(value) for name, value in defaults.items() if value is not PydanticUndefined})


def form_from_record(schema: type[S], record: Versioned) -> Form[S]:
    """Return a form with the values of a record, to edit it."""
    values = {name: input_value(getattr(record, name)) for name in schema.model_fields}
    return Form(values=values, version=str(record.version))


def search_form(page: PageParams) -> Form[Any]:
    """Return the search form of a list with its current filters, which pagination links use too."""
    filters = page.model_dump(mode="json", exclude_none=True, exclude={*PageParams.model_fields})
    return Form(values={name: input_value(value) for name, value in filters.items()}, searches=None)


async def parse_form(request: Request, schema: type[S], record: Versioned | None = None) -> Form[S]:
    """Validate a submitted form with the schema; other fields are ignored.

    For an edit form, `data` has only the fields that the user changed. It is None, without errors, if the form was
    submitted to search for options.
    """
    sent = await request.form()
    types = {name: unwrap_annotation(info.annotation) for name, info in schema.model_fields.items() if name in sent}
    values = {name: _raw_value(sent, name, multiple=field_type is list) for name, (field_type, _) in types.items()}
    current = form_from_record(schema, record).values if record else {}
    parsed = {
        name: _parse(values[name], field_type, optional=optional)
        for name, (field_type, optional) in types.items()
        if name not in current
        or _is_changed(schema.model_fields[name], sent.getlist(name), values[name], current[name])
    }
    form: Form[S] = Form(None, values, version=str(sent.get("version", "")), searches=read_searches(sent))
    if is_search(sent):
        return form
    try:
        return replace(form, data=schema.model_validate(parsed))
    except ValidationError as error:
        errors: dict[str, str] = {}
        for problem in error.errors(include_url=False):
            errors.setdefault(str(*problem["loc"][:1]), validation_message(problem))
        non_field_error = errors.pop("", "")  # from a model validator
        return replace(form, errors=errors, non_field_error=non_field_error, status=InvalidRequest.status)


def _is_changed(info: FieldInfo, sent: list[Any], text: str, current: str) -> bool:
    """Return whether the user changed a field, ignoring what browsers change by themselves.

    They normalize line breaks, remove them from single-line inputs, may trim text, and shorten times. Checkboxes have
    no order.
    """
    if len(sent) > 1:
        return sorted(text.split("\n")) != sorted(current.split("\n"))
    field_type, _ = unwrap_annotation(info.annotation)
    parts = [get_args(part)[1:] for part in get_args(info.annotation)]  # of `Annotated[…] | None`
    rules = [*info.metadata, *chain.from_iterable(parts)]
    current = re.sub(r"\r\n?", "\n", current)
    if field_type not in {str, list, dict} or SingleLine in rules:
        current = current.replace("\n", "")
    if field_type is not str or any(getattr(rule, "strip_whitespace", False) for rule in rules):
        text, current = text.strip(), current.strip()
    before, after = (_parse(value, field_type, optional=False) for value in (current, text))
    return repr(before) != repr(after)  # 1 is not 1.0


def _raw_value(sent: FormData, name: str, *, multiple: bool) -> str:
    """Return the entered text, with the browser's CR LF converted back to LF.

    The last value counts: a checkbox follows a hidden field with the value "false".
    """
    texts = [value.replace("\r\n", "\n") for value in sent.getlist(name) if isinstance(value, str)]
    return "\n".join(filter(None, texts)) if multiple else "".join(texts[-1:])


def _parse(text: str, field_type: object, *, optional: bool) -> object:
    """Convert the entered text to a value for the schema."""
    if optional and not text.strip():
        return None
    if field_type is list:
        return [line.strip() for line in text.split("\n") if line.strip()]
    if field_type is dict:
        with suppress(ValueError, RecursionError):
            return json.loads(text, parse_constant=_reject)
    if field_type in {datetime, AwareDatetime}:
        with suppress(ValueError):
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if field_type is time:
        with suppress(ValueError):
            return time.fromisoformat(text)
    return text  # the schema rejects it if it couldn't be converted


def _reject(constant: str) -> NoReturn:
    """Reject NaN and Infinity, which aren't JSON."""
    raise ValueError(constant)
