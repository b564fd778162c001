"""Forms of pages: what was entered, as a schema's data or as errors in plain words beside the fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

S = TypeVar("S", bound=BaseModel)

# Pydantic writes for programmers. https://docs.pydantic.dev/latest/errors/validation_errors/
_PLAIN_WORDS = {
    "missing": "Please fill this in.",
    "string_too_short": "Please use at least {min_length} characters.",
    "string_too_long": "Please use at most {max_length} characters.",
    "string_pattern_mismatch": "Please check this: it does not have the right form.",
    "int_parsing": "Please enter a whole number.",
    "float_parsing": "Please enter a number.",
    "decimal_parsing": "Please enter a number.",
    "date_from_datetime_parsing": "Please enter a date.",
    "datetime_from_date_parsing": "Please enter a date and a time.",
    "literal_error": "Please choose one of the options.",
    "enum": "Please choose one of the options.",
}


@dataclass(frozen=True)
class Form(Generic[S]):
    """A form as a template shows it: empty, filled from a record, or sent back with errors."""

    data: S | None = None
    """What was entered, when all of it is valid."""
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """Return what the field shows."""
        return self.values.get(name, "")

    def error(self, name: str) -> str | None:
        """Return what is wrong with the field."""
        return self.errors.get(name)

    @property
    def first_error(self) -> str | None:
        """Return the name of the field to go to."""
        return next(iter(self.errors), None)

    def refused(self, **errors: str) -> "Form[S]":
        """Return the same form with errors that only the service could find."""
        return replace(self, data=None, errors={**self.errors, **errors})


async def read_form(request: Request, schema: type[S]) -> Form[S]:
    """Check what was entered against the schema; fields that it does not have are left alone."""
    sent = await request.form()
    values = {name: _text(sent[name]) for name in schema.model_fields if name in sent}
    try:
        return Form(schema.model_validate(values), values)
    except ValidationError as error:
        errors: dict[str, str] = {}
        for problem in error.errors(include_url=False):
            errors.setdefault(str(problem["loc"][0]), _say(problem))
        return Form(None, values, errors)


def _text(value: object) -> str:
    """Return the text of a field, with the line ends that it had before the browser made them CR LF."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


def _say(problem: ErrorDetails) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if str(problem["input"]).strip() == "":
        kind = "missing"
    if kind in _PLAIN_WORDS:
        return _PLAIN_WORDS[kind].format(**context)
    message = problem["msg"].removeprefix("Value error, ").replace("Input should", "This should")
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."
