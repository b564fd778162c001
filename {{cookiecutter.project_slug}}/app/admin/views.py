"""The base of every admin view: declare a model and its fields; what they need to be safe is done here.

class NoteView(ModelView):
    model = Note
    icon = "fa-solid fa-note-sticky"
    title_field = "title"
    fields = ("title", "owner", "created_at")
"""

import math
from collections.abc import Awaitable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, NoReturn, TypeVar
from uuid import UUID

from fastapi import Request
from markupsafe import escape
from sqlalchemy import ColumnElement, Enum, String, false, or_
from starlette.exceptions import HTTPException
from starlette_admin import RowActionsDisplayType, RowActionsPosition
from starlette_admin.actions import ActionSelection
from starlette_admin.contrib.sqla import ModelView as LibraryModelView
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.export import CsvExporter
from starlette_admin.fields import BaseField, DateTimeField, PasswordField, RelationField, TextAreaField
from starlette_admin.filters import FilterGroup, FilterRegistry
from starlette_admin.flash import flash

from app.admin.filters import Filters
from app.admin.refusals import OVERTAKEN, explain, is_unreadable
from app.errors import Problem

T = TypeVar("T")

KEPT_BY_THE_DATABASE = ("id", "version", "created_at", "updated_at")


class ModelView(LibraryModelView):
    """A view on the rows of one model."""

    model: type[Any]
    title_field: ClassVar[str]
    """The field that names a row in sentences, links and pickers."""
    fields: Sequence[Any] = ()  # the library's annotation leaves out the names that it documents
    problem_fields: ClassVar[Mapping[type[Problem], str]] = {}
    """Beside which field a service's refusal is shown."""
    delete_warning: ClassVar[str] = ""
    """What to think of before a row is deleted."""

    exclude_fields_from_list: Sequence[str] = ("id",)
    exclude_fields_from_create: Sequence[str] = KEPT_BY_THE_DATABASE
    exclude_fields_from_edit: Sequence[str] = KEPT_BY_THE_DATABASE
    fields_default_sort = (("id", True),)  # newest first
    page_size = 25
    page_size_options = (25, 50)  # to render 100 rows keeps everyone waiting for 0.2 s
    row_actions_display_type = RowActionsDisplayType.KEBAB
    row_actions_position = RowActionsPosition.AFTER_COLUMNS
    exporters = (CsvExporter(escape_formulas=True), "json")
    importers = ()

    def __init__(self) -> None:
        # Fields are changed as they are bound, and two apps may be built in one process.
        self.fields = [copy(field) for field in type(self).fields]
        super().__init__(self.model)
        # Forms on the list repeat the order that it has, and to name a hidden field is refused.
        self.sortable_fields = [
            name for name in self.sortable_fields or () if name not in self.exclude_fields_from_list
        ]
        for actions in (self._actions, self._row_actions) if self.delete_warning else ():
            actions["delete"] = {**actions["delete"], "confirmation": self.delete_warning}
        for field in self._all_fields:
            if isinstance(field, DateTimeField) and field.output_format is None:
                field.output_format = "%Y-%m-%d %H:%M UTC"

    async def repr(self, obj: Any, request: Request) -> str:  # noqa: ANN401, ARG002
        """Name a row; the library would say "Note(0193…)"."""
        return str(getattr(obj, self.title_field))

    async def select2_result(self, obj: Any, request: Request) -> str:  # noqa: ANN401
        """Show a row in a picker, as HTML; the library would show all its fields."""
        return f"<span>{escape(await self.repr(obj, request))}</span>"

    # Reading: an address that makes no sense is not found, or a bad request, and never a bug.

    async def find_by_pk(self, request: Request, pk: Any) -> Any:  # noqa: ANN401
        """Return a row.

        The first that a request asks for is the one that it edits: its version is remembered for the form, for a
        refused save expires the row before the form is drawn.
        """
        found = await self.find_by_pks(request, [pk])
        if found and not hasattr(request.state, "row_version"):
            request.state.row_version = found[0].version
        return found[0] if found else None

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        """Return the rows with these keys; no row has a malformed one."""
        try:
            keys = [str(UUID(pk)) for pk in pks]
        except ValueError:
            return []
        return await super().find_by_pks(request, keys)

    async def find_all(
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        *args: Any,
        **kwargs: Any,  # noqa: ANN401
    ) -> Sequence[Any]:
        """Return a page of rows: none behind the largest number of a database, and never all of them to a picker."""
        if limit == 0:
            return []
        return await _readable(super().find_all(request, min(skip, 2**31), limit, *args, **kwargs))

    async def count(self, request: Request, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401
        """Count the rows."""
        return await _readable(super().count(request, *args, **kwargs))

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search in what is text; the library would cast the rest to it, and take % and _ for wildcards."""
        columns = [
            getattr(self.model, f.name)
            for f in self.get_fields_list(request)
            if f.searchable and f.name in self._columns
        ]
        texts = [c for c in columns if isinstance(c.type, String) and not isinstance(c.type, Enum)]
        return or_(false(), *(column.icontains(term, autoescape=True) for column in texts))

    def get_filter_registry(self) -> FilterRegistry:
        """Offer filters that know that times are in UTC."""
        return Filters()

    def _parse_filter_param(self, request: Request, query_params: Any = None) -> FilterGroup:  # noqa: ANN401
        """Refuse a filter so deep that parsing it, which is recursive, would fail."""
        if ((query_params or request.query_params).get("filter") or "").count("(") > 20:  # noqa: PLR2004
            raise HTTPException(400, "This filter is too deep.")
        return super()._parse_filter_param(request, query_params)

    # Writing: what cannot be stored is told beside its field.

    async def validate_fields(self, request: Request, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Tidy what was entered, and refuse what the library would drop or cut without a word."""
        form = await request.form()
        errors: dict[str | int, Any] = {}
        for field in self.get_fields_list(request):
            try:
                data[field.name] = _tidy(field, form.get(field.id), data.get(field.name))
            except ValueError as error:
                errors[field.name] = str(error)
        if errors:
            raise FormValidationError(errors)
        await super().validate_fields(request, data, *args, **kwargs)

    async def validate(self, request: Request, data: dict[str, Any]) -> None:
        """Refuse a reference to a row that is gone; by now, `data` has the rows."""
        for field in self.get_fields_list(request):
            if isinstance(field, RelationField) and field.required and data.get(field.name) is None:
                raise FormValidationError({field.name: "Choose one of the list."})
        await super().validate(request, data)

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:  # noqa: ANN401
        """Save a row, unless someone else has since its form was made; the form now counts from theirs."""
        sent = (await request.form()).get("_version")
        if sent not in {None, str(request.state.row_version)}:
            await self.handle_exception(request, FormValidationError({"": OVERTAKEN}))
        return await super().edit(request, pk, data)

    async def handle_exception(self, request: Request, exc: Exception) -> NoReturn:
        """Tell the person at the form what they can mend; the library would answer 500."""
        errors = exc.errors if isinstance(exc, FormValidationError) else self._explain(exc)
        if errors is None:
            raise exc
        for name in errors.keys() - {field.name for field in self.get_fields_list(request)}:
            flash(request, str(errors[name]), "error")  # no field to stand beside
        raise FormValidationError(errors) from exc

    async def handle_action(self, request: Request, selection: ActionSelection, name: str) -> Any:  # noqa: ANN401
        """Run an action on the chosen rows."""
        return await self._in_words(super().handle_action(request, selection, name))

    async def handle_row_action(self, request: Request, pk: Any, name: str) -> Any:  # noqa: ANN401
        """Run an action on one row."""
        return await self._in_words(super().handle_row_action(request, pk, name))

    async def _in_words(self, action: Awaitable[T]) -> T:
        """Say why an action failed; the library would show the SQL."""
        try:
            return await action
        except (ActionFailed, Problem) as error:
            cause = error if isinstance(error, Problem) else error.__cause__
            if cause is None:
                raise  # already written for people
            if errors := self._explain(cause):
                raise ActionFailed("; ".join(map(str, errors.values()))) from cause
            raise cause from None

    def _explain(self, error: BaseException) -> dict[str | int, Any] | None:
        return explain(error, self.model.__table__, self.problem_fields)


async def _readable(query: Awaitable[T]) -> T:
    try:
        return await query
    except Exception as error:
        if is_unreadable(error):
            raise HTTPException(400, "The filter has a value that cannot be compared.") from error
        raise


def _tidy(field: BaseField, raw: object, value: Any) -> Any:  # noqa: ANN401
    """Return what to store.

    Raises:
        ValueError: with a sentence for the person, when that is not what was entered.
    """
    if isinstance(value, str):
        return _tidy_text(field, value)
    if value is None and isinstance(raw, str) and raw.strip():
        raise ValueError("This cannot be read.")  # the library has made it nothing
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ValueError("Enter a number.")
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _tidy_text(field: BaseField, value: str) -> str:
    if "\x00" in value:
        raise ValueError("This has a character that cannot be stored.")
    if isinstance(field, TextAreaField):
        value = value.replace("\r\n", "\n")  # as the API stores it; browsers send the other
    elif not isinstance(field, PasswordField):
        value = value.strip()
    longest = getattr(field, "maxlength", None)
    if longest is not None and len(value) > longest:
        raise ValueError(f"Use at most {longest} characters.")
    return value
