"""Saving forms: validation errors per field, and optimistic locking."""

from collections.abc import Awaitable, Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette_admin import RequestAction
from starlette_admin.actions import ActionSelection
from starlette_admin.contrib.sqla import ModelView as LibraryView
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField, PasswordField, RelationField, TextAreaField
from starlette_admin.flash import flash

from app.admin.base.changed_data import SubmittedData
from app.admin.base.error_messages import EDIT_CONFLICT, explain
from app.admin.base.form_parsing import InvalidInput
from app.api.validation_messages import validation_message
from app.database.keys import key_of
from app.database.rows import needs_row
from app.errors import Problem
from app.i18n import gettext, gettext_noop

T = TypeVar("T")

READONLY_FIELDS = ("id", "version", "created_at", "updated_at")


class SavingView(LibraryView):
    """The part of `ModelView` that validates and saves forms."""

    schema: ClassVar[type[BaseModel] | None] = None
    """The API's update schema, which validates forms, too."""
    problem_fields: ClassVar[Mapping[type[Problem], str]] = {}
    """Fields next to which the errors of a service are shown."""
    flashes_errors: ClassVar[bool] = True
    """Whether errors that aren't about a field are shown above the page."""

    async def validate_fields(self, request: Request, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Clean the input and reject values that the library would silently drop or truncate.

        All errors are shown at once: the next check skips the fields that have one.
        """
        errors: dict[str | int, Any] = {}
        form = data if isinstance(data, SubmittedData) else SubmittedData(data)
        omitted = self._omitted(form) if form.row is None else frozenset()
        data.update(dict.fromkeys(omitted))
        unchanged = form.unchanged | omitted
        for field in self.get_fields_list(request):
            if field.name in unchanged:
                continue
            try:
                value = clean_value(field, data.get(field.name))
                data[field.name] = None if value == "" and self._is_nullable(field) else value
            except ValueError as error:
                errors[field.name] = str(error)
            else:
                if value is None and self.requires_value(field):
                    errors[field.name] = gettext("This field is required.")
        try:
            exclude = unchanged | {*map(str, errors)}
            await super().validate_fields(request, {**data}, *args, **{"exclude": exclude, **kwargs})
        except FormValidationError as error:
            errors |= error.errors
        try:
            validated = self._validated(data, unchanged | {*map(str, errors)})
        except FormValidationError as error:
            errors |= {name: message for name, message in error.errors.items() if name not in errors}
        if errors:
            raise FormValidationError(errors)
        data.update(validated)

    def _omitted(self, data: Mapping[str, Any]) -> frozenset[str]:
        """Return the empty fields of a new row that get a default made from other fields."""
        columns = {column.key for column in self.model.__table__.c if needs_row(column.default)}
        return frozenset(name for name in data.keys() & columns if not (data[name] or "").strip())

    def _validated(self, data: dict[str, Any], unchanged: Collection[str]) -> dict[str, Any]:
        """Return the values as the schema parses them."""
        if self.schema is None:
            return {}
        fields = self.schema.model_fields
        names = [name for name in data.keys() & fields if name not in unchanged or fields[name].is_required()]
        try:
            validated = self.schema.model_validate({name: data[name] for name in names})
        except ValidationError as error:
            raise FormValidationError(
                {str(*item["loc"][:1]): validation_message(item) for item in error.errors()}
            ) from error
        return validated.model_dump(exclude_unset=True)

    async def _arrange_data(self, request: Request, data: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Replace IDs with the rows they refer to, and reject unknown ones. The library would drop them.

        Unchanged fields stay as they are, including references to rows that the user may not see.
        """
        form = data if isinstance(data, SubmittedData) else SubmittedData(data)
        stored = {name: getattr(form.row, name) for name in form.unchanged if name in self.model.__mapper__.attrs}
        arranged: dict[str, Any] = await super()._arrange_data(
            request, {**data, **dict.fromkeys(stored)}, *args, **kwargs
        )
        errors: dict[str | int, Any] = {}
        for field in self.get_fields_list(request):
            if isinstance(field, RelationField) and field.name not in stored:
                if field.multiple and form.row is not None:
                    found, sent = arranged[field.name], set(data[field.name])
                    kept = [row for row in getattr(form.row, field.name) if str(key_of(row)) in sent]
                    found += [row for row in kept if row not in found]
                if not all_exist(data.get(field.name), arranged.get(field.name)):
                    errors[field.name] = gettext("Select an option from the list.")
        if errors:
            raise FormValidationError(errors)
        return arranged | stored

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:  # noqa: ANN401
        """Save a row unless it was changed since the form was opened. The form then shows the new version."""
        version = (await request.form()).get("_version")
        if request.state.action == RequestAction.EDIT and version != str(request.state.row_version):
            await self.handle_exception(request, FormValidationError({"": gettext(EDIT_CONFLICT)}))
        return await super().edit(request, pk, data)

    async def handle_exception(self, request: Request, exc: Exception) -> NoReturn:
        """Show errors that the user can fix in the form. The library would return 500."""
        errors = exc.errors if isinstance(exc, FormValidationError) else self.explain(exc)
        if errors is None:
            raise exc
        errors = {self._field_name(name): message for name, message in errors.items()}
        not_in_form = errors.keys() - {field.name for field in self.get_fields_list(request)}
        if general := [str(errors.pop(name)) for name in not_in_form]:
            errors[""] = " ".join(general)
        for message in general if self.flashes_errors else ():
            flash(request, message, "error")
        raise FormValidationError(errors) from exc

    async def handle_action(self, request: Request, selection: ActionSelection, name: str) -> Any:  # noqa: ANN401
        """Run an action on the selected rows."""
        return await self._with_messages(super().handle_action(request, selection, name))

    async def handle_row_action(self, request: Request, pk: Any, name: str) -> Any:  # noqa: ANN401
        """Run an action on one row. Links have nothing to run."""
        if self._row_actions.get(name, {}).get("is_link"):
            raise ActionFailed(gettext("Invalid row action"))
        return await self._with_messages(super().handle_row_action(request, pk, name))

    async def _with_messages(self, action: Awaitable[T]) -> T:
        """Raise readable errors for a failed action. The library would show the SQL."""
        try:
            return await action
        except (ActionFailed, Problem) as error:
            cause = error if isinstance(error, Problem) else error.__cause__
            if cause is None:
                raise  # already readable
            if errors := self.explain(cause):
                raise ActionFailed("; ".join(map(str, errors.values()))) from cause
            raise cause from None

    def _field_name(self, name: str | int) -> str | int:
        """Return the name of the field that shows a column, which for foreign keys is the relationship."""
        relations = self.model.__mapper__.relationships
        column = self.model.__table__.c.get(name)
        names = (field.name for field in self.fields if isinstance(field, RelationField))
        return next((n for n in names if n in relations and column in relations[n].local_columns), name)

    def _is_nullable(self, field: BaseField) -> bool:
        column = self.model.__table__.c.get(field.name)
        return column is not None and column.nullable

    def requires_value(self, field: BaseField) -> bool:
        """Return whether the column of a field can't be NULL."""
        column = self.model.__table__.c.get(field.name)
        return column is not None and not column.nullable

    def explain(self, error: BaseException) -> dict[str | int, Any] | None:
        """Return error messages by field, or None if the error is a bug."""
        return explain(error, self.model.__table__, self.problem_fields)


def all_exist(keys: str | list[str] | None, found: Any) -> bool:  # noqa: ANN401
    """Return whether the rows with these keys were found."""
    selected = {key for key in (keys if isinstance(keys, list) else [keys]) if key}
    return len(selected) <= (len(found) if isinstance(found, Collection) else found is not None)


def clean_value(field: BaseField, value: Any) -> Any:  # noqa: ANN401
    """Return the value to store.

    Raises:
        ValueError: with a message for the user if the input is invalid.
    """
    if isinstance(value, InvalidInput):
        raise ValueError(gettext(getattr(field, "hint", gettext_noop("Enter a valid value."))))  # noqa: TRY004 - the input is text
    if isinstance(value, str):
        return _clean_text(field, value)
    if isinstance(value, float | Decimal) and not Decimal(value).is_finite():
        raise ValueError(gettext("Enter a number."))
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _clean_text(field: BaseField, value: str) -> str:
    if "\x00" in value:
        raise ValueError(gettext("This contains an unsupported character."))
    if isinstance(field, TextAreaField):
        value = value.replace("\r\n", "\n")  # as in the API; browsers send CRLF
    elif not isinstance(field, PasswordField):
        value = value.strip()
    max_length = getattr(field, "maxlength", None)
    if max_length is not None and len(value) > max_length:
        raise ValueError(gettext("Use at most %(count)s characters.", count=max_length))
    return value
