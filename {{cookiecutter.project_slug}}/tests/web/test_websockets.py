"""WebSockets authenticate with the session cookie."""

from collections.abc import Callable

import pytest
from fastapi import APIRouter, WebSocket
from starlette.testclient import TestClient, WebSocketDenialResponse

from app.accounts.browser.web_session import PageClient, RecentPageScope, Visitor
from app.accounts.models import User
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database

PAGE = "/socket"


@pytest.fixture(autouse=True)
def _socket(add_routes: Callable[[APIRouter], None]) -> None:
    router = APIRouter()

    @router.websocket(PAGE)
    async def greet(socket: WebSocket, visitor: Visitor, scope: RecentPageScope, client: PageClient) -> None:
        await socket.accept()
        await socket.send_json([visitor == scope, scope.email, client.user_agent])

    add_routes(router)


def test_session_cookie_authenticates_a_websocket(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    with browser.websocket_connect(PAGE, headers={"Origin": "http://testserver"}) as socket:
        assert socket.receive_json() == [True, "ada@example.com", "testclient"]


def test_websocket_from_another_site_is_rejected(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    with (
        pytest.raises(WebSocketDenialResponse) as rejected,
        browser.websocket_connect(PAGE, headers={"Origin": "https://evil.example"}),
    ):
        pass

    assert rejected.value.status_code == 403


def test_anonymous_websocket_gets_problem_without_redirect(client: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as rejected, open_browser(client).websocket_connect(PAGE):
        pass

    assert (rejected.value.status_code, rejected.value.json()["type"]) == (401, "urn:problem:LoginRequired")
