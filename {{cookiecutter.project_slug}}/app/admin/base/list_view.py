"""Efficient lists for large tables: index-only paging, limited counts and indexed sorting."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from fastapi import Request
from sqlalchemy import ColumnElement, PrimaryKeyConstraint, Select, Table, UniqueConstraint, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload
from starlette_admin import RequestAction
from starlette_admin.fields import RelationField
from starlette_admin.filters import FilterGroup

from app.accounts.models import User
from app.accounts.permissions import Permission
from app.admin.base.permissions import GuardedView, has_permission
from app.admin.base.query_limits import (
    Estimate,
    LowerBound,
    QueryTimeout,
    statement_timeout,
    statement_timeout_in_savepoint,
)
from app.database.base import Record
from app.database.keys import key_column, key_name, parse_key
from app.database.search import contains

MAX_COUNT = 50_000
"""Maximum count. Counting further would take longer than the rest of the page."""
MAX_SEARCH_COUNT = 1_000
"""Maximum count of a search, which reads every row. Also the most rows an action can take."""
MAX_USER_MATCHES = 100
"""Maximum matching users that a search looks up by ID, to use an index."""


class PageInfo(NamedTuple):
    """What a page of a list says about the total number of rows."""

    query: tuple[object, ...]
    end: int
    is_full: bool
    is_last: bool


class ListView(GuardedView):
    """The part of `ModelView` that reads lists."""

    user_columns: Sequence[str] = ()
    """Columns that refer to users whose email addresses are searched, too. Defaults to all that do."""

    async def find_all(  # noqa: PLR0913, PLR0917 - as in the library
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        q: str | None = None,
        sorts: Sequence[tuple[str, str]] | None = None,
        filters: FilterGroup | None = None,
    ) -> Sequence[Any]:
        """Return a page of rows. Their IDs are selected first, from an index.

        The library would also read the rows of all previous pages.
        """
        session: AsyncSession = request.state.session
        sorts = self._with_tiebreaker(sorts or ())
        async with statement_timeout(session) if self._has_conditions(request, q, filters) else nullcontext():
            keys = self.build_order_clauses(request, sorts, await self._keys(request, q, filters))
            keys = keys.offset(skip).limit(limit if limit > 0 else None)
            rows = self.get_list_query(request).where(key_column(self.model).in_(keys))
            rows = self.build_order_clauses(request, sorts, rows)
            found = (await session.scalars(rows.options(*self._shown_relations(request)))).unique().all()
        full = len(found) == limit
        is_last = not full and (skip == 0 or len(found) > 0)
        request.state.page_info = PageInfo((self.key, q, filters), skip + len(found), full, is_last)
        return found

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        """Return the rows with these IDs, or none if an ID is malformed."""
        try:
            keys = [parse_key(self.model, str(pk)) for pk in pks]
        except ValueError:
            return []
        query = self.get_detail_query(request).where(key_column(self.model).in_(keys))
        relations = [f.name for f in self.get_fields_list(request) if isinstance(f, RelationField)]
        query = query.options(*(joinedload(getattr(self.model, name)) for name in relations))
        return (await request.state.session.scalars(query)).unique().all()  # type: ignore[no-any-return]

    async def count(self, request: Request, q: str | None = None, filters: FilterGroup | None = None) -> int:
        """Return the number of rows, exact if that is fast.

        On the last page the number is known. Pickers only need to know whether there are more rows.
        """
        page: PageInfo | None = getattr(request.state, "page_info", None)
        least = 0
        if page is not None and page.query == (self.key, q, filters):
            least = page.end + page.is_full
            if page.is_last or request.state.action == RequestAction.RELATION_LOOKUP:
                return least
        session: AsyncSession = request.state.session
        has_conditions = self._has_conditions(request, q, filters)
        if not has_conditions and (estimate := await self._estimate(session)) > MAX_COUNT:
            return Estimate(max(estimate, least))
        is_export = getattr(request.state, "action", None) == RequestAction.EXPORT
        limit = MAX_SEARCH_COUNT if has_conditions and not is_export else MAX_COUNT
        try:
            async with statement_timeout_in_savepoint(session) if has_conditions else nullcontext():
                limited = (await self._keys(request, q, filters)).limit(limit + 1).subquery()
                counted = await session.scalar(select(func.count()).select_from(limited)) or 0
        except QueryTimeout:
            return LowerBound(max(1, least))
        return LowerBound(max(counted, least)) if counted > limit else counted

    async def build_full_text_search_query(self, request: Request, term: str, model: Any) -> ColumnElement[bool]:  # noqa: ANN401, ARG002
        """Search text columns and, for users with `users:read`, the email addresses of `user_columns`."""
        found: ColumnElement[bool] = self.get_search_query(request, term)
        visible = [name for name in self.user_columns if self.can_view_field(request, name.removesuffix("_id"))]
        if not visible or not has_permission(request, Permission.USERS_READ):
            return found
        columns = [getattr(self.model, name) for name in visible]
        matches = select(User.id).where(contains(User.email, term))
        ids = (await request.state.session.scalars(matches.limit(MAX_USER_MATCHES + 1))).all()
        if len(ids) > MAX_USER_MATCHES:
            return or_(found, *(matches.where(User.id == column).exists() for column in columns))
        return or_(found, *(column.in_(ids) for column in columns)) if ids else found

    def default_sortable_fields(self) -> list[str]:
        """Return the indexed columns, by which large tables are sorted fast."""
        by_id = {"created_at"} if issubclass(self.model, Record) else set()
        return [*(indexed_columns(self.model) | by_id | self.sortable_field_mapping.keys())]

    def _with_tiebreaker(self, sorts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Add the ID as a tiebreaker, so that no row is on two pages, or on none.

        IDs start with the creation time, so they replace `created_at` if that has no index.
        """
        key = key_name(self.model)
        by_key = {"created_at": key} if issubclass(self.model, Record) else {}
        indexed = indexed_columns(self.model)
        sorts = [(name if name in indexed else by_key.get(name, name), direction) for name, direction in sorts]
        return sorts if key in dict(sorts) else [*sorts, (key, sorts[-1][1] if sorts else "desc")]

    def _has_conditions(self, request: Request, q: str | None, filters: FilterGroup | None) -> bool:
        """Return whether the list has a search, a filter or hidden rows."""
        filtered = filters is not None and not filters.is_empty()
        return bool((q or "").strip()) or filtered or self.get_list_query(request).whereclause is not None

    async def _apply_search_and_filters(
        self,
        request: Request,
        stmt: Select[Any],
        q: str | None,
        filters: FilterGroup | None,
    ) -> Select[Any]:
        """Strip the search text, as in the API."""
        return await super()._apply_search_and_filters(request, stmt, (q or "").strip() or None, filters)

    async def _keys(self, request: Request, q: str | None, filters: FilterGroup | None) -> Select[Any]:
        query = await self._apply_search_and_filters(request, self.get_list_query(request), q, filters)
        return query.with_only_columns(key_column(self.model))

    async def _estimate(self, session: AsyncSession) -> int:
        """Return PostgreSQL's estimate of the number of rows, or -1 before the first ANALYZE and on SQLite."""
        dialect = session.get_bind().dialect
        if dialect.name != "postgresql":
            return -1
        table = dialect.identifier_preparer.format_table(self.model.__table__)
        estimate = text("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)")
        return int(await session.scalar(estimate, {"name": table}) or 0)

    def _shown_relations(self, request: Request) -> list[Any]:
        if request.state.action == RequestAction.RELATION_LOOKUP:
            return []  # pickers show none
        fields = self.get_fields_list(request)
        return [joinedload(getattr(self.model, field.name)) for field in fields if isinstance(field, RelationField)]


def indexed_columns(model: type[Any]) -> frozenset[str]:
    """Return the leading columns of indexes that support sorting."""
    table: Table = model.__table__
    trees = [index for index in table.indexes if index.dialect_kwargs.get("postgresql_using", "btree") == "btree"]
    unique = [key for key in table.constraints if isinstance(key, UniqueConstraint | PrimaryKeyConstraint)]
    return frozenset(next(iter(key.columns)).key for key in (*trees, *unique) if key.columns)
