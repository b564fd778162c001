"""WebSockets and event streams end with their session, and their number is limited."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.sql.dml import Delete, Update
from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from app.accounts.models import AuthSession, User, UserRole
from app.api.live_connections import LiveConnections
from app.database.base import utc_now
from app.settings.config import Settings
from tests.query_counts import capture_statements
from tests.support import add_user, in_database, log_in, problem_of, sign_in, wait_until, with_token

PATH = "/api/v1/sample-notes"

WithLimits = Callable[..., TestClient]
NEVER = "1h"
SOON = "50ms"


@pytest.fixture
def with_limits(client: TestClient, make_settings: Callable[..., Settings]) -> Iterator[WithLimits]:
    """Return a client of the running app with other limits: `with_limits(max_live_connections=2)`."""
    with ExitStack() as running:

        def start(caller: TestClient = client, **limits: Any) -> TestClient:
            assert caller.portal is not None
            settings = make_settings(server=limits).server
            live = caller.portal.call(LiveConnections, settings, caller.app_state["database"])
            running.callback(caller.portal.call, live.aclose)
            caller.app_state["connections"] = live
            return caller

        yield start


def connect(caller: TestClient) -> WebSocketTestSession:
    return caller.websocket_connect(f"{PATH}/socket")


@contextmanager
def stream(caller: TestClient, **headers: str) -> Iterator[Iterator[str]]:
    """Open an event stream; yield its lines."""
    with caller.stream("GET", f"{PATH}/events", headers=headers) as response:
        assert response.status_code == 200, response.read()
        yield response.iter_lines()


def close_code(socket: WebSocketTestSession) -> tuple[int, str]:
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_text()
    return closed.value.code, closed.value.reason


def test_signing_out_closes_websockets_at_once(with_limits: WithLimits, ada: User) -> None:
    client = with_limits(live_check_interval=NEVER)
    as_ada, elsewhere = sign_in(client, ada), sign_in(client, ada)

    with connect(as_ada) as socket, connect(elsewhere) as other:
        assert as_ada.post("/api/v1/auth/logout").status_code == 204
        assert close_code(socket) == (4401, "Session ended or permissions changed. Connect again")
        other.send_text("still open")
        assert other.receive_json() == ["ada@example.com", "still open"]
        assert elsewhere.post("/api/v1/auth/logout-all").status_code == 204
        assert close_code(other)[0] == 4401


def test_signing_out_ends_event_streams(with_limits: WithLimits, ada: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "app.requests")
    as_ada = sign_in(with_limits(live_check_interval=NEVER), ada)

    with stream(as_ada) as lines:
        assert next(lines) == "data: 0"
        assert f"GET {PATH}/events" not in caplog.text
        assert as_ada.post("/api/v1/auth/logout").status_code == 204
        list(lines)  # ends without an error

    wait_until(lambda: f"GET {PATH}/events 200" in caplog.text)
    assert as_ada.get(f"{PATH}/events").status_code == 401


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(update(AuthSession).values(revoked_at=utc_now()), id="session-ended"),
        pytest.param(update(AuthSession).values(idle_expires_at=utc_now()), id="session-expired"),
        pytest.param(update(User).values(is_active=False), id="account-disabled"),
        pytest.param(delete(UserRole), id="role-removed"),
        pytest.param(delete(User), id="account-deleted"),
    ],
)
def test_change_by_another_process_is_noticed(with_limits: WithLimits, admin: User, statement: Update | Delete) -> None:
    client = with_limits(live_check_interval=SOON)
    as_admin = sign_in(client, admin)

    with connect(as_admin) as socket, stream(as_admin) as lines:
        in_database(client, lambda session: session.execute(statement))
        assert close_code(socket)[0] == 4401
        list(lines)


def test_access_token_expires_while_the_websocket_is_open(
    start_app: Callable[..., TestClient], with_limits: WithLimits
) -> None:
    # Expiry is in whole seconds: a token of one second may expire before the socket is open.
    client = with_limits(start_app(auth={"access_token_ttl": 3}), live_check_interval=SOON)

    with connect(sign_in(client, add_user(client, "ada@example.com"))) as socket:
        assert close_code(socket)[0] == 4401


def test_reused_refresh_token_closes_the_websocket_at_once(
    start_app: Callable[..., TestClient], with_limits: WithLimits
) -> None:
    client = with_limits(start_app(auth={"refresh_grace": 0}), live_check_interval=NEVER)
    add_user(client, "ada@example.com")
    pair = log_in(client, "ada@example.com")
    body = {"refresh_token": pair["refresh_token"]}

    with connect(with_token(client, pair["access_token"])) as socket:
        assert client.post("/api/v1/auth/token/refresh", json=body).status_code == 200
        assert client.post("/api/v1/auth/token/refresh", json=body).status_code == 401
        assert close_code(socket)[0] == 4401


def test_check_is_one_query_for_all(with_limits: WithLimits, ada: User, bob: User) -> None:
    client = with_limits(live_check_interval=NEVER)
    callers = [sign_in(client, user) for user in (ada, bob) for _ in range(3)]
    assert client.portal is not None

    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(caller)) for caller in callers for _ in range(3)]
        with capture_statements(client) as statements:
            client.portal.call(client.app_state["connections"].check)
        assert len([sent for sent in statements if "FROM auth_sessions" in sent[0] and "IN" in sent[0]]) == 1
        for socket in sockets:
            socket.send_text("open")
            assert socket.receive_json()[1] == "open"


def test_number_per_user_is_limited(with_limits: WithLimits, ada: User, bob: User) -> None:
    client = with_limits(max_live_connections_per_user=2)
    as_ada = sign_in(client, ada)

    with stream(as_ada):
        with connect(as_ada):
            with pytest.raises(WebSocketDenialResponse) as rejected, connect(sign_in(client, ada)):
                pass
            assert (rejected.value.status_code, rejected.value.headers["Retry-After"]) == (429, "5")
            assert problem_of(as_ada.get(f"{PATH}/events"))["type"] == "urn:problem:TooManyLiveConnections"
            with connect(sign_in(client, bob)):
                pass
        with connect(as_ada) as socket:
            socket.send_text("one was closed")
            assert socket.receive_json()


def test_number_per_process_is_limited(with_limits: WithLimits, ada: User, bob: User) -> None:
    client = with_limits(max_live_connections=1)

    with stream(sign_in(client, ada)):
        with pytest.raises(WebSocketDenialResponse) as rejected, connect(sign_in(client, bob)):
            pass
        assert problem_of(rejected.value)["status"] == 503
        assert problem_of(sign_in(client, bob).get(f"{PATH}/events"))["status"] == 503


def test_shutdown_ends_all(with_limits: WithLimits, ada: User) -> None:
    client = with_limits()
    as_ada = sign_in(client, ada)
    assert client.portal is not None

    with connect(as_ada) as socket, stream(as_ada) as lines:
        client.portal.call(client.app_state["connections"].stop)
        assert close_code(socket) == (1012, "The server is restarting")
        list(lines)
    assert problem_of(as_ada.get(f"{PATH}/events"))["type"] == "urn:problem:ServerStopping"


def test_event_stream_releases_its_slot(start_app: Callable[..., TestClient]) -> None:
    client = start_app(server={"max_concurrent_requests": 1, "queue_timeout": "100ms"})
    as_ada = sign_in(client, add_user(client, "ada@example.com"))

    with stream(as_ada), stream(as_ada), connect(as_ada):
        assert client.get("/health/ready").status_code == 200
        assert as_ada.get("/api/v1/users/me").status_code == 200


def test_event_stream_is_not_buffered_and_resumes(as_ada: TestClient) -> None:
    with as_ada.stream("GET", f"{PATH}/events", headers={"Last-Event-ID": "41"}) as response:
        lines = response.iter_lines()
        assert [next(lines), next(lines)] == ["data: 0", "id: 42"]
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers.get_list("X-Accel-Buffering") == ["no"]
    assert "X-Request-ID" in response.headers


def test_waiting_clients_hold_no_database_connection(as_ada: TestClient, client: TestClient) -> None:
    with ExitStack() as stack:
        for _ in range(12):  # more than the connections of the pool
            lines = stack.enter_context(stream(as_ada))
            assert next(lines) == "data: 0"
        assert client.get("/health/ready").status_code == 200
