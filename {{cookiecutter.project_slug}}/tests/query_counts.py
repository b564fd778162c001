"""SQL statements of requests.

    with capture_queries(as_ada, browser) as requests:
        as_ada.get("/api/v1/users/me")
    assert count_queries(requests) == {"GET /api/v1/users/me": 1}

Statements of the test itself, between requests, are not captured.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import event, inspect
from starlette.routing import compile_path
from starlette.testclient import TestClient

from app.database.base import Base
from app.database.delete_protection import restricting_columns
from tests.routes import app_of, routes_of
from tests.support import DRIVER_EXECUTION

TABLE = re.compile(r'\b(?:FROM|JOIN|INTO|UPDATE) "?(\w+)')


class CapturedRequest(NamedTuple):
    """A request and the SQL statements it executed."""

    route: str
    statements: list[tuple[str, Any]]
    """With their parameters. BEGIN, COMMIT and ROLLBACK are not included; savepoints are."""


@contextmanager
def capture_statements(client: TestClient) -> Iterator[list[tuple[str, Any]]]:
    """Capture all SQL statements with their parameters."""
    statements: list[tuple[str, Any]] = []

    def add(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        statements.append((statement, parameters))

    engine = client.app_state["database"].engine.sync_engine
    event.listen(engine, "before_cursor_execute", add)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", add)


@contextmanager
def capture_queries(*callers: TestClient) -> Iterator[list[CapturedRequest]]:
    """Capture the requests of these clients."""
    requests: list[CapturedRequest] = []
    routes = [(route, *_pattern(route)) for route in routes_of(app_of(callers[0]))]

    def begin(request: Any) -> None:
        path = request.url.path
        matching = [route for route, method, regex in routes if method == request.method and regex.match(path)]
        requests.append(CapturedRequest(matching[0], []))
        statements.clear()  # those of the test itself

    def end(_response: object) -> None:
        requests[-1].statements.extend(sent for sent in statements if not sent[0].startswith("BEGIN"))

    with capture_statements(callers[0]) as statements:
        for caller in callers:
            caller.event_hooks = {"request": [begin], "response": [end]}
        try:
            yield requests
        finally:
            for caller in callers:
                caller.event_hooks = {}


class QueryCounts:
    """The numbers of statements of a route's requests: equal to a number, or to a range that contains them all."""

    def __init__(self) -> None:
        self.requests: list[CapturedRequest] = []

    def __eq__(self, expected: object) -> bool:
        allowed = expected if isinstance(expected, range) else [expected]
        return all(len(statements) in allowed for _, statements in self.requests)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Return the numbers and, if they differ, the statements of the longest request."""
        counts = {len(statements) for _, statements in self.requests}
        longest = max((statements for _, statements in self.requests), key=len)
        return str(*counts) if len(counts) == 1 else f"{sorted(counts)} {[statement for statement, _ in longest]}"


def count_queries(requests: Sequence[CapturedRequest]) -> dict[str, QueryCounts]:
    """Return the number of statements per route.

    Compare it with a number, which each of the route's requests must have, or with a range such as `range(2, 5)`.
    """
    counts: dict[str, QueryCounts] = {}
    for request in requests:
        counts.setdefault(request.route, QueryCounts()).requests.append(request)
    return counts


def references_to(model: type[Base], *, is_loaded: bool = False) -> int:
    """Return how many statements references from other tables add to a deletion. Features can add one.

    Each column costs a query, and the ORM has to load the row, unless it did instead of the driver. Below another row,
    pages did (`is_loaded`), because they load that one with the ORM.
    """
    mapper = inspect(model)
    columns = len(restricting_columns(mapper))
    is_loaded |= not DRIVER_EXECUTION or any(relation.secondary is not None for relation in mapper.relationships)
    return columns + 1 if columns and not is_loaded else columns


def sections_on(client: TestClient, page: str) -> int:
    """Return how many statements the sections of other features add to a page without rows in them.

    Each checks that the caller sees the page's row, and lists its own.
    """
    return 2 * len([section for section in app_of(client).state.sections if section.page == page])


def without_features(requests: Sequence[CapturedRequest]) -> list[CapturedRequest]:
    """Drop the statements on tables of features and files, so that the counts hold without some of them."""
    theirs = {
        table.name
        for mapper in Base.registry.mappers
        if mapper.class_.__module__.startswith(("app.features.", "app.files.", "tests.sample."))
        for table in mapper.tables
    }
    return [
        CapturedRequest(route, [sent for sent in statements if theirs.isdisjoint(TABLE.findall(sent[0]))])
        for route, statements in requests
    ]


def _pattern(route: str) -> tuple[str, re.Pattern[str]]:
    method, path = route.split()
    return method, compile_path(path)[0]
