"""Read and write rows as Pydantic models, the fast way for what most requests do.

    note = await fetch_one(session, notes_for(scope).where(Note.id == note_id), NoteRead)
    note = await insert_row(session, Note, {"title": "Tea", "owner_id": scope.user_id}, NoteRead)
    note = await update_row(session, Note, note, {"title": "Coffee"})

The statements belong to the session's transaction, like those of its own methods. The database driver executes them
where it can (`driver.py`), and the ORM otherwise: for relationships, after the session executed statements itself, and
through PgBouncer. The driver runs no ORM events, such as `before_flush`, and doesn't change objects of the session;
both call the functions of `row_events.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, TypeAdapter
from sqlalchemy import ColumnElement, Executable, Select, bindparam, delete, insert, inspect, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import MANYTOONE, Mapper, lazyload
from sqlalchemy.orm.exc import StaleDataError

from app.database.base import VersionedBase, utc_now
from app.database.delete_protection import restricting_columns
from app.database.driver import Rows
from app.database.row_events import report, reported_columns
from app.database.self_references import self_reference_columns
from app.database.sessions import DriverSession, WriteSession
from app.database.statements import CompiledStatement, UnsupportedStatement, shape_of


class Versioned(Protocol):
    """A record, or a response schema that has its ID and version."""

    id: Any
    version: Any


S = TypeVar("S", bound=BaseModel)
_Built = tuple[Executable, list[ColumnElement[Any]]]
_Builder = Callable[[Mapper[Any], type[BaseModel], Iterable[str]], _Built]

_STALE = "the row was changed or deleted since it was loaded"


async def fetch_one(session: AsyncSession, query: Select[Any], schema: type[S], /, **values: object) -> S | None:
    """Return the first row of a query for one model, or None; see `fetch_all`."""
    rows = await fetch_all(session, query, schema, **values)
    return rows[0] if rows else None


async def fetch_all(session: AsyncSession, query: Select[Any], schema: type[S], /, **values: object) -> list[S]:
    """Return the rows of a query for one model; only what the schema needs is loaded.

    A module-level query, which saves building one each time, takes the values of its `bindparam`s.
    """
    if isinstance(session, DriverSession) and (driver := session.driver):
        shape, binds = (query, ()) if values else shape_of(query)
        build = partial(_select, query, schema)
        statement = None if shape is None else driver.compile((shape, schema), build, binds)
        if statement:
            bound = statement.bind(values or {position: bind.effective_value for position, bind in enumerate(binds)})
            return _validate(schema, statement, await session.fetch(statement, bound))
    if _are_columns(inspect(query.column_descriptions[0]["entity"]).mapper, schema.model_fields):
        query = query.options(lazyload("*"))
    rows = (await session.scalars(query.execution_options(populate_existing=True), values)).all()
    session.info["fetched"] = rows[:1]  # a session drops objects that nothing references, and `_load` needs this one
    return [schema.model_validate(row) for row in rows]


async def insert_row(
    session: AsyncSession, model: type[VersionedBase], values: Mapping[str, Any], schema: type[S]
) -> S:
    """Insert a row and return it.

    Raises:
        IntegrityError: a constraint rejects it.
    """
    columns = {**_defaults(model, "default"), **values, "version": 1}
    if inserted := await _write(session, _insert, model, schema, columns):
        return inserted[0]
    row = model(**values)
    session.add(row)
    await session.flush()
    return schema.model_validate(row)


async def update_row(session: AsyncSession, model: type[VersionedBase], record: S, values: Mapping[str, Any]) -> S:
    """Update a row that was loaded as `record` and return it. Unchanged values don't change its version.

    Raises:
        StaleDataError: it was changed or deleted since it was loaded.
        IntegrityError: a constraint rejects the change.
    """
    changes = {name: value for name, value in values.items() if getattr(record, name, ...) != value}
    if not changes:
        return record
    loaded: Any = record
    columns = {**_defaults(model, "onupdate"), **changes, "version": loaded.version + 1}
    if updated := await _write(session, _update, model, type(record), columns, loaded):
        return updated[0]
    row = await _load(session, model, record)
    for name, value in {"updated_at": utc_now(), **changes}.items():
        setattr(row, name, value)
    await session.flush()
    return type(record).model_validate(row)


async def delete_row(session: AsyncSession, model: type[VersionedBase], record: BaseModel) -> None:
    """Delete a row that was loaded as `record`.

    Raises:
        StaleDataError: it was changed or deleted since it was loaded.
        StillReferenced: other rows reference it.
    """
    if await _write(session, _delete, model, type(record), {}, record) is None:
        await session.delete(await _load(session, model, record))
        await session.flush()


async def _load(session: AsyncSession, model: type[VersionedBase], record: Any) -> VersionedBase:  # noqa: ANN401 - a model's schema
    for populate_existing in (False, True):
        row = await session.get(model, record.id, populate_existing=populate_existing)
        if row is not None and row.version == record.version:
            return row
    raise StaleDataError(_STALE)


async def _write(  # noqa: PLR0913, PLR0917
    session: AsyncSession,
    build: _Builder,
    model: type[VersionedBase],
    schema: type[S],
    columns: Mapping[str, Any],
    record: Any = None,  # noqa: ANN401 - a model's schema
) -> list[S] | None:
    """Execute an INSERT, UPDATE or DELETE by the driver and return the row, or None if only the ORM can."""
    if not isinstance(session, WriteSession) or (driver := session.driver) is None:
        return None
    statement = driver.compile((build, model, schema, *columns), lambda: build(inspect(model), schema, columns))
    if statement is None:
        return None
    values = {f"new_{name}": value for name, value in columns.items()}
    if record is not None:
        values |= {"loaded_id": record.id, "loaded_version": record.version}
    rows = _as_dicts(statement, await session.fetch(statement, statement.bind(values)))
    if not rows:
        raise StaleDataError(_STALE)
    report(session, model, _ACTIONS[build], rows[0])
    return _list_of(schema).validate_python(rows)


def _validate(schema: type[S], statement: CompiledStatement, rows: Rows) -> list[S]:
    return _list_of(schema).validate_python(_as_dicts(statement, rows))


def _as_dicts(statement: CompiledStatement, rows: Rows) -> list[dict[str, Any]]:
    return [dict(zip(statement.names, statement.convert(row), strict=True)) for row in rows]


@cache
def _list_of(schema: type[S]) -> TypeAdapter[list[S]]:
    return TypeAdapter(list[schema])  # type: ignore[valid-type]


def _select(query: Select[Any], schema: type[BaseModel]) -> _Built:
    entity, *others = query.column_descriptions
    if others or entity["expr"] is not entity["entity"]:
        raise UnsupportedStatement
    columns = _columns(inspect(entity["entity"]).mapper, schema.model_fields, entity["entity"])
    return query.with_only_columns(*columns, maintain_column_froms=True), columns


def _insert(mapper: Mapper[Any], schema: type[BaseModel], values: Iterable[str]) -> _Built:
    columns = _returned(mapper, schema)
    return insert(mapper.class_).values(_new(mapper, values, "default")).returning(*columns), columns


def _update(mapper: Mapper[Any], schema: type[BaseModel], values: Iterable[str]) -> _Built:
    # The ORM rejects cycles, and knows the values before the change.
    if {*self_reference_columns(mapper), *reported_columns(mapper.class_)} & {*values}:
        raise UnsupportedStatement
    columns = _returned(mapper, schema)
    statement = update(mapper.class_).values(_new(mapper, values, "onupdate"))
    return statement.where(*_is_loaded(mapper)).returning(*columns), columns


def _delete(mapper: Mapper[Any], schema: type[BaseModel], _: Iterable[str]) -> _Built:
    if restricting_columns(mapper) or any(r.direction is not MANYTOONE for r in mapper.relationships):
        raise UnsupportedStatement
    if _has_listeners(mapper, "delete"):
        raise UnsupportedStatement
    columns = _returned(mapper, schema)
    return delete(mapper.class_).where(*_is_loaded(mapper)).returning(*columns), columns


_ACTIONS: dict[_Builder, str] = {_insert: "created", _update: "updated", _delete: "deleted"}


def _returned(mapper: Mapper[Any], schema: type[BaseModel]) -> list[ColumnElement[Any]]:
    return _columns(mapper, dict.fromkeys([*schema.model_fields, *reported_columns(mapper.class_)]))


def _is_loaded(mapper: Mapper[Any]) -> list[ColumnElement[bool]]:
    return [mapper.columns[name] == bindparam(f"loaded_{name}") for name in ("id", "version")]


def _new(mapper: Mapper[Any], names: Iterable[str], kind: str) -> dict[Any, Any]:
    is_simple = all(_is_simple(getattr(column, kind)) for column in mapper.local_table.columns)
    if (
        mapper.validators
        or _has_listeners(mapper, "insert", "update")
        or not is_simple
        or not _are_columns(mapper, names)
    ):
        raise UnsupportedStatement
    return {mapper.columns[name]: bindparam(f"new_{name}") for name in names}


def _has_listeners(mapper: Mapper[Any], *actions: str) -> bool:
    """Return whether the ORM would call functions for these actions on a row."""
    return any(getattr(mapper.dispatch, f"{when}_{action}") for when in ("before", "after") for action in actions)


def _is_simple(default: Any) -> bool:  # noqa: ANN401 - a ColumnDefault, a Sequence or None
    """Return whether a column's default is a value, or a function that needn't know the row."""
    return default is None or default.is_scalar or (default.is_callable and not needs_row(default))


def needs_row(default: Any) -> bool:  # noqa: ANN401 - a ColumnDefault, a Sequence or None
    """Return whether a column's default is a function of the row's other values. SQLAlchemy wraps other functions."""
    return default is not None and default.is_callable and not hasattr(default.arg, "__wrapped__")


def _columns(mapper: Mapper[Any], names: Iterable[str], entity: Any = None) -> list[ColumnElement[Any]]:  # noqa: ANN401
    """Return the columns of these attributes."""
    if not _are_columns(mapper, names) or len(mapper.tables) > 1:
        raise UnsupportedStatement
    return [(getattr(entity, name) if entity else mapper.columns[name]).label(name) for name in names]


def _are_columns(mapper: Mapper[Any], names: Iterable[str]) -> bool:
    return {*names} <= {*mapper.columns.keys()}


def _defaults(model: type[VersionedBase], kind: str) -> dict[str, Any]:
    return {name: default.arg(None) if default.is_callable else default.arg for name, default in _made(model, kind)}


@cache
def _made(model: type[VersionedBase], kind: str) -> list[tuple[str, Any]]:
    found = [(name, getattr(column, kind)) for name, column in inspect(model).columns.items()]
    return [(name, default) for name, default in found if default is not None and _is_simple(default)]
