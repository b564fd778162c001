"""`X-Forwarded-For` and `X-Forwarded-Proto` are used only from trusted proxies, for WebSockets, too."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI, Request, WebSocket
from starlette.testclient import TestClient

from app.main import create_app
from app.settings.config import Settings

pytestmark = pytest.mark.any_database

PROXY, STRANGER = "10.0.0.1", "192.0.2.1"


@pytest.fixture
def app(make_settings: Callable[..., Settings]) -> FastAPI:
    """Return an app behind proxies, with routes that return who called them."""
    return add_caller_routes(create_app(make_settings(server={"trusted_proxies": "10.0.0.0/8"})))


def add_caller_routes(app: FastAPI) -> FastAPI:
    @app.get("/api/caller")
    async def show(request: Request) -> list[str]:
        return [request.client.host if request.client else "", request.url.scheme]

    @app.websocket("/api/caller")
    async def tell(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json([socket.client.host if socket.client else "", socket.url.scheme])

    return app


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        pytest.param(PROXY, "203.0.113.9", "203.0.113.9", id="trusted"),
        pytest.param(PROXY, "6.6.6.6, 203.0.113.9", "203.0.113.9", id="first-is-forged"),
        pytest.param(PROXY, "203.0.113.9, 10.9.9.9", "203.0.113.9", id="two-proxies"),
        pytest.param(PROXY, "2001:db8::1", "2001:db8::1", id="ipv6"),
        pytest.param(STRANGER, "203.0.113.9", STRANGER, id="stranger"),
        pytest.param(STRANGER, "10.0.0.1", STRANGER, id="stranger-claims-to-be-the-proxy"),
    ],
)
def test_address_and_scheme_of_the_caller(app: FastAPI, peer: str, forwarded: str, caller: str) -> None:
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
    secure = "s" if peer == PROXY else ""

    with TestClient(app, client=(peer, 1)) as client:
        assert client.get("/api/caller", headers=headers).json() == [caller, f"http{secure}"]
        with client.websocket_connect("/api/caller", headers=headers) as socket:
            assert socket.receive_json() == [caller, f"ws{secure}"]


@pytest.mark.parametrize(
    ("peer", "sent", "caller"),
    [
        pytest.param(PROXY, {"Fly-Client-IP": "203.0.113.9"}, "203.0.113.9", id="trusted"),
        pytest.param(PROXY, {"Fly-Client-IP": "2001:db8::1"}, "2001:db8::1", id="ipv6"),
        pytest.param(STRANGER, {"Fly-Client-IP": "203.0.113.9"}, STRANGER, id="stranger"),
        pytest.param(PROXY, {}, PROXY, id="not-sent"),
    ],
)
def test_client_ip_header_replaces_x_forwarded_for(
    make_settings: Callable[..., Settings], peer: str, sent: dict[str, str], caller: str
) -> None:
    """Behind a proxy that also adds addresses of its own network to X-Forwarded-For."""
    server = {"trusted_proxies": "10.0.0.0/8", "client_ip_header": "Fly-Client-IP"}
    app = add_caller_routes(create_app(make_settings(server=server)))
    headers = {**sent, "X-Forwarded-For": "6.6.6.6, 198.51.100.7", "X-Forwarded-Proto": "https"}
    secure = "s" if peer == PROXY else ""

    with TestClient(app, client=(peer, 1)) as client:
        assert client.get("/api/caller", headers=headers).json() == [caller, f"http{secure}"]
        with client.websocket_connect("/api/caller", headers=headers) as socket:
            assert socket.receive_json() == [caller, f"ws{secure}"]


@pytest.mark.parametrize(("peer", "status"), [(PROXY, 404), (STRANGER, 403)])
def test_origin_has_the_scheme_that_a_trusted_proxy_reports(app: FastAPI, peer: str, status: int) -> None:
    headers = {"Origin": "https://testserver", "X-Forwarded-Proto": "https"}

    with TestClient(app, client=(peer, 1)) as client:
        assert client.post("/anywhere", headers=headers).status_code == status
