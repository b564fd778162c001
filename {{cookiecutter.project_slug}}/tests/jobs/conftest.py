"""Fixtures for tests of jobs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from app.api.dependencies import SessionDep
from app.errors import Conflict
from tests.jobs import samples

URL = "/api/act"


@pytest.fixture(autouse=True)
def idle() -> Iterator[None]:
    """Forget what earlier tests did."""
    samples.actions.clear()
    samples.ran.clear()
    yield
    samples.actions.clear()


@pytest.fixture
def enqueue(client: TestClient, add_routes: Callable[[APIRouter], None]) -> Callable[..., Any]:
    """Return a function that sends a request, whose transaction enqueues a job for each name."""
    router = APIRouter()

    @router.post(URL)
    async def start(names: list[str], session: SessionDep, then: str = "") -> list[str]:
        ids = [str(await samples.act.enqueue(session, name)) for name in names]
        if then == "rejected":
            raise Conflict
        if then == "failed":
            raise LookupError
        return ids

    add_routes(router)
    return lambda *names, then="", sender=client: sender.post(URL, params={"then": then}, json=names)
