"""Efficient lists for large tables: keyset queries, limited counts and indexed sorting.

`docs/admin.md` tells what that asks of a model.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, ClassVar, NamedTuple

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
from app.database.base import Owned, Record
from app.database.search import contains

MAX_COUNT = 50_000
"""Where counting ends: it would take longer than all the rest of the page."""
MAX_SEARCH_COUNT = 1_000
"""Where it ends for what was searched, of which every row has to be looked at: so many an action can take."""
MAX_USER_MATCHES = 100


class PageInfo(NamedTuple):
    """What a page says of the number of all rows."""

    of: tuple[object, ...]
    end: int
    is_full: bool
    is_last: bool


class ListView(GuardedView):
    """What `ModelView` does to read a list."""

    user_columns: ClassVar[Sequence[str]] = ()
    """Columns that refer to users: a search looks in their addresses, too. Those of owners are known."""

    async def find_all(  # noqa: PLR0913, PLR0917 - the library's
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        q: str | None = None,
        sorts: Sequence[tuple[str, str]] | None = None,
        filters: FilterGroup | None = None,
    ) -> Sequence[Any]:
        """Return a page of rows: their keys are looked up first, for an index knows these.

        The library would read all that the pages before have, too.
        """
        session: AsyncSession = request.state.session
        sorts = self._in_strict_order(sorts or ())
        async with statement_timeout(session) if self._is_narrowed(request, q, filters) else nullcontext():
            keys = self.build_order_clauses(request, sorts, await self._keys(request, q, filters))
            keys = keys.offset(skip).limit(limit if limit > 0 else None)
            rows = self.get_list_query(request).where(self.model.id.in_(keys))
            rows = self.build_order_clauses(request, sorts, rows)
            found = (await session.scalars(rows.options(*self._shown_relations(request)))).unique().all()
        full = len(found) == limit
        is_last = not full and (skip == 0 or len(found) > 0)
        request.state.page_info = PageInfo((self.key, q, filters), skip + len(found), full, is_last)
        return found

    async def count(self, request: Request, q: str | None = None, filters: FilterGroup | None = None) -> int:
        """Return how many rows there are, as far as it can be told at once.

        The last page tells exactly, and a picker asks only whether there is more than it has.
        """
        page: PageInfo | None = getattr(request.state, "page_info", None)
        least = 0
        if page is not None and page.of == (self.key, q, filters):
            least = page.end + page.is_full
            if page.is_last or request.state.action == RequestAction.RELATION_LOOKUP:
                return least
        session: AsyncSession = request.state.session
        narrowed = self._is_narrowed(request, q, filters)
        if not narrowed and (estimate := await self._estimate(session)) > MAX_COUNT:
            return Estimate(max(estimate, least))
        bound = (
            MAX_SEARCH_COUNT
            if narrowed and getattr(request.state, "action", None) != RequestAction.EXPORT
            else MAX_COUNT
        )
        try:
            async with statement_timeout_in_savepoint(session) if narrowed else nullcontext():
                some = (await self._keys(request, q, filters)).limit(bound + 1).subquery()
                counted = await session.scalar(select(func.count()).select_from(some)) or 0
        except QueryTimeout:
            return LowerBound(max(1, least))
        return LowerBound(max(counted, least)) if counted > bound else counted

    async def build_full_text_search_query(self, request: Request, term: str, model: Any) -> ColumnElement[bool]:  # noqa: ANN401, ARG002
        """Search as `get_search_query` says, and in the addresses of people, for who may see these.

        Few people are looked for by their ids, for an index.
        """
        found: ColumnElement[bool] = self.get_search_query(request, term)
        people = self.user_columns or (("owner_id",) if issubclass(self.model, Owned) else ())
        shown = [name for name in people if self.can_view_field(request, name.removesuffix("_id"))]
        if not shown or not has_permission(request, Permission.USERS_READ):
            return found
        columns = [getattr(self.model, name) for name in shown]
        named = select(User.id).where(contains(User.email, term))
        ids = (await request.state.session.scalars(named.limit(MAX_USER_MATCHES + 1))).all()
        if len(ids) > MAX_USER_MATCHES:
            return or_(found, *(named.where(User.id == column).exists() for column in columns))
        return or_(found, *(column.in_(ids) for column in columns)) if ids else found

    def default_sortable_fields(self) -> list[str]:
        """Return by what a list is sorted as quickly when it is long, for a view that does not say."""
        stand_ins = {"created_at"} if issubclass(self.model, Record) else set()
        return [*(indexed_columns(self.model) | stand_ins | self.sortable_field_mapping.keys())]

    def _in_strict_order(self, sorts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Let the key decide between equals, or a row could be on two pages, and another on none.

        It begins with the time, so that it stands in for `created_at` where that has no index.
        """
        by_key = {"created_at": "id"} if issubclass(self.model, Record) else {}
        strict = [(name if name in indexed_columns(self.model) else by_key.get(name, name), way) for name, way in sorts]
        direction = strict[-1][1] if strict else "desc"
        return strict if "id" in dict(strict) else [*strict, ("id", direction)]

    def _is_narrowed(self, request: Request, q: str | None, filters: FilterGroup | None) -> bool:
        """Return whether rows have to be looked for; else they are all, and only their order matters."""
        filtered = filters is not None and not filters.is_empty()
        return bool((q or "").strip()) or filtered or self.get_list_query(request).whereclause is not None

    async def _apply_search_and_filters(
        self,
        request: Request,
        stmt: Select[Any],
        q: str | None,
        filters: FilterGroup | None,
    ) -> Select[Any]:
        """Search without the spaces around a text, as the API does."""
        return await super()._apply_search_and_filters(request, stmt, (q or "").strip() or None, filters)

    async def _keys(self, request: Request, q: str | None, filters: FilterGroup | None) -> Select[Any]:
        query = await self._apply_search_and_filters(request, self.get_list_query(request), q, filters)
        return query.with_only_columns(self.model.id)

    async def _estimate(self, session: AsyncSession) -> int:
        """Return how many rows PostgreSQL takes the table to have; -1 when it has not looked, or is SQLite."""
        dialect = session.get_bind().dialect
        if dialect.name != "postgresql":
            return -1
        table = dialect.identifier_preparer.format_table(self.model.__table__)
        known = text("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)")
        return int(await session.scalar(known, {"name": table}) or 0)

    def _shown_relations(self, request: Request) -> list[Any]:
        if request.state.action == RequestAction.RELATION_LOOKUP:
            return []  # a picker shows none
        fields = self.get_fields_list(request)
        return [joinedload(getattr(self.model, field.name)) for field in fields if isinstance(field, RelationField)]


def indexed_columns(model: type[Any]) -> frozenset[str]:
    """Return the columns with which an index begins that can sort."""
    table: Table = model.__table__
    trees = [index for index in table.indexes if index.dialect_kwargs.get("postgresql_using", "btree") == "btree"]
    unique = [key for key in table.constraints if isinstance(key, UniqueConstraint | PrimaryKeyConstraint)]
    return frozenset(next(iter(key.columns)).key for key in (*trees, *unique) if key.columns)
