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
from app.errors import Problem

T = TypeVar("T")

READONLY_FIELDS = ("id", "version", "created_at", "updated_at")


class SavingView(LibraryView):
    """What `ModelView` does when something is to be changed."""

    schema: ClassVar[type[BaseModel] | None] = None
    """The schema with which the API changes such a row: what it refuses is refused here."""
    problem_fields: ClassVar[Mapping[type[Problem], str]] = {}
    """Beside which field a service's refusal is shown."""

    async def validate_fields(self, request: Request, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Tidy what was entered, and refuse what the library would drop or cut without a word."""
        errors: dict[str | int, Any] = {}
        unchanged = data.unchanged if isinstance(data, SubmittedData) else frozenset()
        for field in self.get_fields_list(request):
            if field.name in unchanged:
                continue
            try:
                value = clean_value(field, data.get(field.name))
                data[field.name] = None if value == "" and self._may_be_null(field) else value
            except ValueError as error:
                errors[field.name] = str(error)
            else:
                if value is None and self._must_be_given(field):
                    errors[field.name] = "This field is required."
        if errors:
            raise FormValidationError(errors)
        await super().validate_fields(request, {**data}, *args, **{"exclude": unchanged, **kwargs})
        data.update(self._checked(data, unchanged))

    def _checked(self, data: dict[str, Any], unchanged: Collection[str]) -> dict[str, Any]:
        """Return what is stored, as the rules tidy it."""
        if self.schema is None:
            return {}
        fields = self.schema.model_fields
        names = [name for name in data.keys() & fields if name not in unchanged or fields[name].is_required()]
        try:
            ruled = self.schema.model_validate({name: data[name] for name in names})
        except ValidationError as error:
            raise FormValidationError(
                {str(*item["loc"][:1]): validation_message(item) for item in error.errors()}
            ) from error
        return ruled.model_dump(exclude_unset=True)

    async def _arrange_data(self, request: Request, data: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Replace keys with the rows that they refer to; the library drops those that it does not find.

        What was not changed stays, also a reference to a row that the visitor may not see.
        """
        form = data if isinstance(data, SubmittedData) else SubmittedData(data)
        stored = {name: getattr(form.row, name) for name in form.unchanged if name in self.model.__mapper__.attrs}
        arranged: dict[str, Any] = await super()._arrange_data(
            request, {**data, **dict.fromkeys(stored)}, *args, **kwargs
        )
        for field in self.get_fields_list(request):
            if isinstance(field, RelationField) and field.name not in stored:
                if field.multiple and form.row is not None:
                    found, sent = arranged[field.name], set(data[field.name])
                    found += [row for row in getattr(form.row, field.name) if str(row.id) in sent and row not in found]
                require_existing(field, data.get(field.name), arranged.get(field.name))
        return arranged | stored

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:  # noqa: ANN401
        """Save a row, unless someone else has since its form was made; the form now counts from theirs."""
        sent = (await request.form()).get("_version")
        if request.state.action == RequestAction.EDIT and sent != str(request.state.row_version):
            await self.handle_exception(request, FormValidationError({"": EDIT_CONFLICT}))
        return await super().edit(request, pk, data)

    async def handle_exception(self, request: Request, exc: Exception) -> NoReturn:
        """Tell the person at the form what they can mend; the library would answer 500."""
        errors = exc.errors if isinstance(exc, FormValidationError) else self.explain(exc)
        if errors is None:
            raise exc
        errors = {self._shown_as(name): said for name, said in errors.items()}
        for name in errors.keys() - {field.name for field in self.get_fields_list(request)}:
            flash(request, str(errors[name]), "error")  # no field to stand beside
        raise FormValidationError(errors) from exc

    async def handle_action(self, request: Request, selection: ActionSelection, name: str) -> Any:  # noqa: ANN401
        """Run an action on the chosen rows."""
        return await self._in_words(super().handle_action(request, selection, name))

    async def handle_row_action(self, request: Request, pk: Any, name: str) -> Any:  # noqa: ANN401
        """Run an action on one row; one that only leads to a page has nothing to run."""
        if self._row_actions.get(name, {}).get("is_link"):
            raise ActionFailed("Invalid row action")
        return await self._in_words(super().handle_row_action(request, pk, name))

    async def _in_words(self, action: Awaitable[T]) -> T:
        """Say why an action failed; the library would show the SQL."""
        try:
            return await action
        except (ActionFailed, Problem) as error:
            cause = error if isinstance(error, Problem) else error.__cause__
            if cause is None:
                raise  # already written for people
            if errors := self.explain(cause):
                raise ActionFailed("; ".join(map(str, errors.values()))) from cause
            raise cause from None

    def _shown_as(self, name: str | int) -> str | int:
        """Return the field that shows a column: of a reference, that of the row which it refers to."""
        relations = self.model.__mapper__.relationships
        column = self.model.__table__.c.get(name)
        shown = (field.name for field in self.fields if isinstance(field, RelationField))
        return next((one for one in shown if one in relations and column in relations[one].local_columns), name)

    def _may_be_null(self, field: BaseField) -> bool:
        column = self.model.__table__.c.get(field.name)
        return column is not None and column.nullable

    def _must_be_given(self, field: BaseField) -> bool:
        column = self.model.__table__.c.get(field.name)
        return column is not None and not column.nullable

    def explain(self, error: BaseException) -> dict[str | int, Any] | None:
        """Return what to show beside which field; nothing when it is a bug."""
        return explain(error, self.model.__table__, self.problem_fields)


def require_existing(field: RelationField, keys: str | list[str] | None, found: Any) -> None:  # noqa: ANN401
    """Refuse a form that refers to rows that were not found."""
    chosen = {key for key in (keys if isinstance(keys, list) else [keys]) if key}
    if len(chosen) > (len(found) if isinstance(found, Collection) else found is not None):
        raise FormValidationError({field.name: "Select an option from the list."})


def clean_value(field: BaseField, value: Any) -> Any:  # noqa: ANN401
    """Return what to store.

    Raises:
        ValueError: with a sentence for the person, when that is not what was entered.
    """
    if isinstance(value, InvalidInput):
        raise ValueError("Enter a valid value.")  # noqa: TRY004 - it has the type of what was typed
    if isinstance(value, str):
        return _tidy_text(field, value)
    if isinstance(value, float | Decimal) and not Decimal(value).is_finite():
        raise ValueError("Enter a number.")
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _tidy_text(field: BaseField, value: str) -> str:
    if "\x00" in value:
        raise ValueError("This contains an unsupported character.")
    if isinstance(field, TextAreaField):
        value = value.replace("\r\n", "\n")  # as the API stores it; browsers send the other
    elif not isinstance(field, PasswordField):
        value = value.strip()
    longest = getattr(field, "maxlength", None)
    if longest is not None and len(value) > longest:
        raise ValueError(f"Use at most {longest} characters.")
    return value
