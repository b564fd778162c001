"""An app whose server runs no lifespan, as Daphne and in-process clients."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from starlette.testclient import TestClient

from app import main
from app.database.connection import Database
from app.main import create_app
from app.settings.config import Settings
from tests.support import problem_of

LOGIN = "/api/v1/auth/login"
WRONG = {"email": "ada@example.com", "password": "not her password"}


Requests = Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]


class WithoutLifespan:
    """An app that is called in this process, without a lifespan."""

    def __init__(self, settings: Settings) -> None:
        self.opened: list[Database] = []
        """The databases that requests to `/opened` used."""
        self.app = create_app(settings)

        @self.app.get("/opened")
        async def remember(request: Request) -> None:
            if request.state.database not in self.opened:
                self.opened.append(request.state.database)

    def run(self, requests: Requests) -> None:
        """Send requests, in an event loop of their own."""
        asyncio.run(self._run(requests))

    async def _run(self, requests: Requests) -> None:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            await requests(client)
            await client.get("/opened")
        await asyncio.sleep(0)
        await self.opened[-1].engine.dispose()


def test_concurrent_first_requests_open_one_database(make_settings: Callable[..., Settings]) -> None:
    called = WithoutLifespan(make_settings(auth={"ip_attempts_per_minute": 100, "login_attempts": 100}))
    statuses: list[int] = []

    async def send_many(client: httpx.AsyncClient) -> None:
        responses = await asyncio.gather(
            *(client.get("/opened") for _ in range(25)), *(client.post(LOGIN, json=WRONG) for _ in range(25))
        )
        statuses.extend(response.status_code for response in responses)

    called.run(send_many)

    assert sorted(statuses) == [200] * 25 + [401] * 25
    assert len(called.opened) == 1


@pytest.mark.any_database
def test_event_loops_have_their_own_database(settings: Settings) -> None:
    called = WithoutLifespan(settings)

    async def send(client: httpx.AsyncClient) -> None:
        assert (await client.post(LOGIN, json=WRONG)).status_code == 401

    called.run(send)
    called.run(send)

    assert len(called.opened) == 2


@pytest.mark.any_database
def test_in_process_requests_share_the_state_of_the_lifespan(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/inner")
    async def show(request: Request) -> int:
        return id(request.state.database)

    @app.get("/outer")
    async def ask() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as inside:
            return int((await inside.get("/inner")).json())

    with TestClient(app) as client:
        assert client.get("/outer").json() == id(client.app_state["database"])


@pytest.mark.any_database
def test_websocket_opens_the_state(settings: Settings) -> None:
    app = create_app(settings)

    @app.websocket("/api/socket")
    async def greet(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket.state.settings.project_name)
        await socket.state.database.engine.dispose()

    with TestClient(app).websocket_connect("/api/socket") as socket:
        assert socket.receive_text() == settings.project_name


@pytest.mark.database("sqlite")
def test_database_that_is_unavailable_at_first(settings: Settings, database_url: str) -> None:
    path = Path(database_url.removeprefix("sqlite:///"))
    moved = path.with_name("moved.db")
    found = []

    def restore() -> None:
        path.rmdir()
        moved.rename(path)

    async def send(client: httpx.AsyncClient) -> None:
        found.append(problem_of(await client.post(LOGIN, json=WRONG))["status"])
        restore()
        found.append((await client.post(LOGIN, json=WRONG)).status_code)

    path.rename(moved)
    path.mkdir()  # a directory can't be opened as a database
    WithoutLifespan(settings).run(send)

    assert found == [503, 401]


@pytest.mark.any_database
def test_opening_is_tried_again_after_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    async def send(client: httpx.AsyncClient) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(main, "build_database", lambda _: 1 / 0)
            found.append(problem_of(await client.post(LOGIN, json=WRONG))["status"])
        found.append((await client.post(LOGIN, json=WRONG)).status_code)

    WithoutLifespan(settings).run(send)

    assert found == [500, 401]


@pytest.mark.any_database
@pytest.mark.parametrize("in_server", [True, False])
def test_missing_background_work_is_logged_once(
    make_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture, *, in_server: bool
) -> None:
    async def send(client: httpx.AsyncClient) -> None:
        await client.post(LOGIN, json=WRONG)
        await client.post(LOGIN, json=WRONG)

    WithoutLifespan(make_settings(jobs={"in_server": in_server})).run(send)

    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warnings) == in_server
    assert all("`app worker`" in text for text in warnings)


@pytest.mark.any_database
def test_app_of_main_is_built_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "app" not in vars(main)
    monkeypatch.setattr(main, "create_app", FastAPI)
    try:
        assert "app" in dir(main)
        assert main.app is main.app
        assert isinstance(main.app, FastAPI)
    finally:
        del main.app
    with pytest.raises(AttributeError, match="nothing"):
        main.nothing  # noqa: B018
