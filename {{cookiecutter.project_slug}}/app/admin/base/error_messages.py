"""User-friendly error messages for failed saves, without SQL or values."""

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import CheckConstraint, Column, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from app.database.constraints import Comparison, violates
from app.errors import InvalidRequest, Problem
from app.i18n import gettext, gettext_noop

T = TypeVar("T")

_OUT_OF_RANGE = gettext_noop("A value is too long or out of range.")
EDIT_CONFLICT = gettext_noop("Someone else has changed this record. Review their changes, then save again.")
KEY_CONFLICT = gettext_noop("The key of a record can't be changed.")


def explain(
    error: BaseException, table: Table, problem_fields: Mapping[type[Problem], str], parent: str = ""
) -> dict[str | int, Any] | None:
    """Return error messages by field ("" for the whole form), or None if the error is a bug.

    `parent` is the column that an inline form doesn't ask for.
    """
    if isinstance(error, Problem):
        named: dict[str | int, Any] = {str(item["loc"][-1]): f"{gettext(item['msg'])}." for item in error.errors}
        field = problem_fields.get(type(error))
        return named if named and field is None else {field or "": error.detail or gettext(error.title)}
    if isinstance(error, StaleDataError):
        return {"": gettext(EDIT_CONFLICT)}
    if isinstance(error, IntegrityError):
        return _explain_constraint(error, table, parent)
    if is_data_error(error):
        return {"": gettext(_OUT_OF_RANGE)}
    return None


def _explain_constraint(error: IntegrityError, table: Table, parent: str) -> dict[str | int, Any]:
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint) and violates(error, constraint):
            return taken_messages(constraint.columns, parent)
        if isinstance(constraint, CheckConstraint) and violates(error, constraint):
            if isinstance(constraint, Comparison):
                return {constraint.field: f"{gettext(constraint.message)}."}
            return {"": gettext(_OUT_OF_RANGE)}
    return {"": gettext("A related record is missing, or other records still refer to this one.")}


def taken_messages(columns: Iterable[Column[Any]], parent: str = "") -> dict[str | int, Any]:
    """Return error messages for values that are in use, by the columns of the unique constraint, except the owner."""
    names = [column.key for column in columns]
    fields = [name for name in names if name not in {"owner_id", parent}] or names
    message = (
        gettext("This combination is already in use.") if len(fields) > 1 else gettext("This value is already in use.")
    )
    return dict.fromkeys(fields, message)


def is_expected_error(error: BaseException) -> bool:
    """Return whether `explain` has a message for the error."""
    return isinstance(error, Problem | StaleDataError | IntegrityError) or is_data_error(error)


def is_data_error(error: BaseException) -> bool:
    """Return whether a value is invalid for its column. Each driver reports this differently."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OverflowError | StatementError)
    sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
    rejected_by_driver = isinstance(getattr(error.orig, "__cause__", None), ValueError)
    return isinstance(error, DataError) or sqlstate.startswith("22") or rejected_by_driver


async def run_query(query: Awaitable[T]) -> T:
    """Return the result of a query.

    Raises:
        HTTPException: 422 if the search text is invalid, 400 if a filter value is.
    """
    try:
        return await query
    except InvalidRequest as error:
        raise HTTPException(error.status, error.detail) from error
    except Exception as error:
        if is_data_error(error):
            raise HTTPException(400, gettext("The filter value is invalid.")) from error
        raise
