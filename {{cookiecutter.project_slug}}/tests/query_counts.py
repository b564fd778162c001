"""What requests send to the database: `with watched(as_ada, browser) as requests: …`, then `counted(requests)`."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import event, inspect
from starlette.routing import compile_path
from starlette.testclient import TestClient

from app.database.base import Base, UUIDv7Base
from app.database.delete_protection import restricting_columns
from tests.api.test_access_control import app_of, routes_of

TABLE = re.compile(r'\b(?:FROM|JOIN|INTO|UPDATE) "?(\w+)')


class Sent(NamedTuple):
    """A request, and what it sent to the database."""

    route: str
    statements: list[tuple[str, Any]]
    """With their parameters. BEGIN, COMMIT and ROLLBACK are not among them; savepoints are."""


@contextmanager
def watched(*callers: TestClient) -> Iterator[list[Sent]]:
    """Collect the requests of these callers."""
    requests: list[Sent] = []
    statements: list[tuple[str, Any]] | None = None
    routes = [(route, *_pattern(route)) for route in routes_of(app_of(callers[0]))]

    def begin(request: Any) -> None:
        nonlocal statements
        path, statements = request.url.path, []
        matching = [route for route, method, regex in routes if method == request.method and regex.match(path)]
        requests.append(Sent(matching[0], statements))

    def end(_response: object) -> None:
        nonlocal statements
        statements = None  # what comes now is what the test does to the database itself

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if statements is not None and not statement.startswith("BEGIN"):
            statements.append((statement, parameters))

    engine = callers[0].app_state["database"].engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    for caller in callers:
        caller.event_hooks = {"request": [begin], "response": [end]}
    try:
        yield requests
    finally:
        event.remove(engine, "before_cursor_execute", note)
        for caller in callers:
            caller.event_hooks = {}


def counted(requests: Sequence[Sent]) -> dict[str, int]:
    """Return how many statements each route takes, which must be the same each time."""
    counts: dict[str, int] = {}
    for route, statements in requests:
        known = counts.setdefault(route, len(statements))
        assert len(statements) == known, (route, known, [statement for statement, _ in statements])
    return counts


def references_to(model: type[UUIDv7Base]) -> int:
    """Return how many columns of other tables are counted before a row is deleted; a new resource may add one."""
    return len(restricting_columns(inspect(model)))


def without_features(requests: Sequence[Sent]) -> list[Sent]:
    """Leave out what features had these routes ask for, because features come and go."""
    theirs = {
        table.name
        for mapper in Base.registry.mappers
        if mapper.class_.__module__.startswith(("app.features.", "tests.sample."))
        for table in mapper.tables
    }
    return [
        Sent(route, [sent for sent in statements if theirs.isdisjoint(TABLE.findall(sent[0]))])
        for route, statements in requests
    ]


def _pattern(route: str) -> tuple[str, re.Pattern[str]]:
    method, path = route.split()
    return method, compile_path(path)[0]
