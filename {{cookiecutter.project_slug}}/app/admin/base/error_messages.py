"""User-friendly error messages for failed saves, without SQL and values."""

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from app.database.constraints import violates
from app.errors import InvalidRequest, Problem

T = TypeVar("T")

EDIT_CONFLICT = "Someone else has changed this record. Review their changes, then save again."


def explain(
    error: BaseException, table: Table, problem_fields: Mapping[type[Problem], str]
) -> dict[str | int, Any] | None:
    """Return what to show beside which field, "" being none; nothing when it is a bug."""
    if isinstance(error, Problem):
        named: dict[str | int, Any] = {str(item["loc"][-1]): f"{item['msg']}." for item in error.errors}
        field = problem_fields.get(type(error))
        return named if named and field is None else {field or "": error.detail or error.title}
    if isinstance(error, StaleDataError):
        return {"": EDIT_CONFLICT}
    if isinstance(error, IntegrityError):
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint) and violates(error, constraint):
                return {[*constraint.columns][-1].key: "This value is already in use."}
        return {"": "A related record is missing, or other records still refer to this one."}
    if is_data_error(error):
        return {"": "A value is too long or out of range."}
    return None


def is_expected_error(error: BaseException) -> bool:
    """Return whether it is something that `explain` explains."""
    return isinstance(error, Problem | StaleDataError | IntegrityError) or is_data_error(error)


def is_data_error(error: BaseException) -> bool:
    """Return whether a value could not be what its column holds; each driver has its own way to say so."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OverflowError | StatementError)
    sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
    refused_by_driver = isinstance(getattr(error.orig, "__cause__", None), ValueError)
    return isinstance(error, DataError) or sqlstate.startswith("22") or refused_by_driver


async def run_query(query: Awaitable[T]) -> T:
    """Return what is found.

    Raises:
        HTTPException: 422 or 400, when the search or a filter has a value that its column cannot have.
    """
    try:
        return await query
    except InvalidRequest as error:
        raise HTTPException(error.status, error.detail) from error
    except Exception as error:
        if is_data_error(error):
            raise HTTPException(400, "The filter value is invalid.") from error
        raise
