"""API keys: what they can and can't access, and when they are invalid."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import pytest
from fastapi import APIRouter, Depends, WebSocket
from sqlalchemy import delete, update
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from app.accounts.api.dependencies import CurrentScope, require_permission
from app.accounts.models import AuthSession, User, UserRole
from app.accounts.permissions import Permission
from app.accounts.scope import Scope
from app.database.base import utc_now
from app.features.api_keys.key_format import generate_key
from tests.features.api_keys.helpers import KEYS, api_key_client, create_key, key_events, keys_in_database, update_keys
from tests.query_counts import capture_queries, count_queries
from tests.routes import app_of, call, routes_of
from tests.support import emails_to, in_database, problem_of, with_token

ADMINS = "/api/v1/for-admins"
ME = "/api/v1/users/me"


def test_key_is_returned_once_and_listed_without_its_value(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 126."""
    created = create_key(as_ada, "read", name=" Backup ", expires_in_days=30)

    listed = as_ada.get(KEYS)

    assert created["key"].startswith(f"app_{created['prefix']}_")
    assert created["key"] not in listed.text
    assert listed.json() == {"items": [{name: value for name, value in created.items() if name != "key"}]}
    item = listed.json()["items"][0]
    assert (item["name"], item["scopes"], item["last_used_at"]) == ("Backup", ["read"], None)
    assert "key_hash" not in item
    (row,) = keys_in_database(client)
    assert row.expires_at - row.created_at == pytest.approx(timedelta(days=30), abs=timedelta(minutes=1))
    assert created["key"].encode() not in row.key_hash


@pytest.mark.any_database
def test_creating_and_revoking_require_recent_authentication(client: TestClient, as_ada: TestClient) -> None:
    """Behaviours 124, 126."""
    created = create_key(as_ada)
    long_ago = utc_now() - timedelta(hours=1)
    in_database(client, lambda session: session.execute(update(AuthSession).values(authenticated_at=long_ago)))

    rejected = [
        as_ada.post(KEYS, json={"name": "Another", "scopes": ["read"]}),
        as_ada.delete(f"{KEYS}/{created['id']}"),
    ]

    for response in rejected:
        assert response.status_code == 401
        assert 'error="insufficient_user_authentication"' in response.headers["WWW-Authenticate"]
    assert [item["id"] for item in as_ada.get(KEYS).json()["items"]] == [created["id"]]


@pytest.mark.any_database
def test_default_lifetime_is_ninety_days(client: TestClient, as_ada: TestClient) -> None:
    create_key(as_ada)

    (row,) = keys_in_database(client)

    assert row.expires_at - row.created_at == pytest.approx(timedelta(days=90), abs=timedelta(minutes=1))


@pytest.mark.any_database
def test_owner_is_notified_of_a_new_key(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 150."""
    created = create_key(as_ada)
    as_ada.delete(f"{KEYS}/{created['id']}")

    (mail,) = emails_to(client, ada.email)
    assert '"Backup"' in mail
    assert created["prefix"] in mail
    assert created["key"] not in mail
    for name in ("authn_key_created", "authn_key_revoked"):
        (event,) = key_events(client, name)
        assert (event.user_id, event.data["prefix"]) == (ada.id, created["prefix"])
        assert created["key"] not in str(event.data)


@pytest.mark.any_database
def test_key_with_read_and_write_acts_as_its_owner(client: TestClient, as_ada: TestClient) -> None:
    caller = api_key_client(client, create_key(as_ada, "read", "write"))

    changed = caller.patch(ME, json={"display_name": "Ada"})

    assert changed.status_code == 200
    assert changed.json()["email"] == "ada@example.com"
    assert as_ada.get(ME).json() == caller.get(ME).json() == changed.json()


@pytest.mark.any_database
def test_read_and_write_scopes_are_separate(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 127."""
    reader, writer = (api_key_client(client, create_key(as_ada, scope)) for scope in ("read", "write"))

    assert reader.get(ME).status_code == 200
    assert problem_of(reader.patch(ME, json={"display_name": "Ada"}))["status"] == 403
    assert as_ada.get(ME).json()["display_name"] == ""
    assert writer.patch(ME, json={"display_name": "Ada"}).status_code == 200
    assert writer.get(ME).status_code == 403


@pytest.mark.any_database
def test_websocket_requires_both_scopes(
    client: TestClient, as_ada: TestClient, add_routes: Callable[[APIRouter], None]
) -> None:
    router = APIRouter()

    @router.websocket("/api/v1/socket")
    async def greet(socket: WebSocket, scope: CurrentScope) -> None:
        await socket.accept()
        await socket.send_text(scope.email)

    add_routes(router)
    both, *others = [
        api_key_client(client, create_key(as_ada, *scopes)) for scopes in (("read", "write"), ("read",), ("write",))
    ]

    with both.websocket_connect("/api/v1/socket") as socket:
        assert socket.receive_text() == "ada@example.com"
    for other in others:
        with pytest.raises(WebSocketDenialResponse) as rejected, other.websocket_connect("/api/v1/socket"):
            pass
        assert rejected.value.json()["type"] == "urn:problem:PermissionDenied"


def test_keys_cannot_access_credentials_sessions_or_keys(client: TestClient, as_admin: TestClient) -> None:
    """Behaviour 127. Even a key with all scopes."""
    caller = api_key_client(client, create_key(as_admin, "read", "write", "admin:access"))
    routes = [route for route in routes_of(app_of(client)) if " /api/v1/auth/" in route]
    private = [route for route in routes if call(client, route) == 401]

    assert {f"{method} {KEYS}" for method in ("GET", "POST")} < set(private)
    assert {route: call(caller, route) for route in private} == dict.fromkeys(private, 403)


@pytest.mark.any_database
def test_keys_cannot_export_or_delete_the_account(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 127."""
    caller = api_key_client(client, create_key(as_ada))

    assert caller.get(f"{ME}/export").status_code == 403
    assert caller.delete(ME).status_code == 403

    assert in_database(client, lambda session: session.get(User, ada.id)) is not None


@pytest.mark.any_database
def test_data_export_lists_keys_without_their_values(as_ada: TestClient) -> None:
    created = create_key(as_ada)

    copy = as_ada.get(f"{ME}/export")

    (key,) = copy.json()["api_keys"]
    assert (key["name"], key["prefix"]) == ("Backup", created["prefix"])
    assert "key_hash" not in key
    assert created["key"] not in copy.text


def wrong_secret(raw: str) -> str:
    """Return a well-formed key with the same prefix and another secret."""
    for _ in range(1000):
        other = generate_key().raw
        candidate = raw[:13] + other[13:]
        if candidate != raw:
            return candidate
    raise AssertionError


@pytest.mark.any_database
@pytest.mark.parametrize("how", ["revoked", "expired", "wrong-secret", "unknown", "owner-disabled", "typo"])
def test_all_invalid_keys_get_the_same_response(client: TestClient, as_ada: TestClient, how: str) -> None:
    """Behaviour 128."""
    created = create_key(as_ada)
    raw = created["key"]
    assert with_token(client, raw).get(ME).status_code == 200
    if how == "revoked":
        as_ada.delete(f"{KEYS}/{created['id']}")
    if how == "expired":
        update_keys(client, expires_at=utc_now() - timedelta(seconds=1))
    if how == "wrong-secret":
        update_keys(client, key_hash=b"\x01" * 32)
    if how == "unknown":
        raw = generate_key().raw
    if how == "owner-disabled":
        in_database(client, lambda session: session.execute(update(User).values(is_active=False)))
    if how == "typo":
        raw = raw[:-1] + ("2" if raw[-1] != "2" else "3")

    rejected = with_token(client, raw).get(ME)
    nonsense = with_token(client, "app_nonsense").get(ME)

    assert rejected.status_code == 401
    assert rejected.content == nonsense.content
    differing = {"x-request-id", "date"}
    assert [h for h in rejected.headers.items() if h[0] not in differing] == [
        h for h in nonsense.headers.items() if h[0] not in differing
    ]


def test_deleting_the_owner_deletes_the_keys(client: TestClient, as_ada: TestClient, ada: User) -> None:
    caller = api_key_client(client, create_key(as_ada))

    in_database(client, lambda session: session.delete(ada))

    assert caller.get(ME).status_code == 401
    assert keys_in_database(client) == []


def test_use_is_recorded_once_a_minute(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 129."""
    created = create_key(as_ada)
    caller = api_key_client(client, created)

    caller.get(ME)
    first = as_ada.get(KEYS).json()["items"][0]
    caller.get(ME)

    assert first["last_used_at"] is not None
    assert first["last_used_ip"] == "testclient"
    assert as_ada.get(KEYS).json()["items"][0]["last_used_at"] == first["last_used_at"]
    (event,) = key_events(client, "authn_key_used")
    assert (event.user_id, event.data) == (ada.id, {"prefix": created["prefix"]})

    update_keys(client, last_used_at=utc_now() - timedelta(seconds=61))
    caller.get(ME)

    assert as_ada.get(KEYS).json()["items"][0]["last_used_at"] > first["last_used_at"]
    assert len(key_events(client, "authn_key_used")) == 2


def test_concurrent_use_is_recorded_once(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 129."""
    caller = api_key_client(client, create_key(as_ada))

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: caller.get(ME).status_code, range(8)))

    assert statuses == [200] * 8
    assert len(key_events(client, "authn_key_used")) == 1


@pytest.mark.any_database
def test_failed_use_is_not_recorded(client: TestClient, as_ada: TestClient) -> None:
    created = create_key(as_ada)

    with_token(client, wrong_secret(created["key"])).get(ME)

    assert as_ada.get(KEYS).json()["items"][0]["last_used_at"] is None


@pytest.mark.any_database
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"name": "Backup\u202e"}, id="reversing-name"),
        pytest.param({"name": "  "}, id="blank-name"),
        pytest.param({"name": "x" * 81}, id="long-name"),
        pytest.param({"name": "two\nlines"}, id="name-of-two-lines"),
        pytest.param({"scopes": []}, id="no-scope"),
        pytest.param({"scopes": ["everything"]}, id="unknown-scope"),
        pytest.param({"scopes": "read"}, id="scopes-no-list"),
        pytest.param({"expires_in_days": 0}, id="no-life"),
        pytest.param({"expires_in_days": 367}, id="long-life"),
        pytest.param({"prefix": "Kd7mPq2x"}, id="prefix-of-ones-choice"),
        pytest.param({"owner_id": str(uuid4())}, id="owner-of-ones-choice"),
    ],
)
def test_create_key_rejects_invalid_input(as_ada: TestClient, change: dict[str, Any]) -> None:
    assert as_ada.post(KEYS, json={"name": "Backup", "scopes": ["read"], **change}).status_code == 422
    assert as_ada.get(KEYS).json()["items"] == []


@pytest.mark.any_database
def test_key_cannot_have_permissions_its_owner_lacks(as_ada: TestClient, as_admin: TestClient) -> None:
    wanted = {"name": "Admin's", "scopes": ["read", "admin:access"]}

    rejected = as_ada.post(KEYS, json=wanted)

    assert problem_of(rejected)["type"] == "urn:problem:ScopeNotAllowed"
    assert as_ada.get(KEYS).json()["items"] == []
    assert as_admin.post(KEYS, json=wanted).status_code == 201


@pytest.mark.any_database
def test_key_of_another_user_is_not_found(as_ada: TestClient, as_bob: TestClient, as_admin: TestClient) -> None:
    """Behaviour 130."""
    created = create_key(as_bob)

    for caller in (as_ada, as_admin):
        for key_id in (created["id"], str(uuid4())):
            assert problem_of(caller.delete(f"{KEYS}/{key_id}"))["type"] == "urn:problem:ApiKeyNotFound"
        assert caller.get(KEYS).json()["items"] == []
    assert len(as_bob.get(KEYS).json()["items"]) == 1


def test_revoked_key_is_no_longer_listed(as_ada: TestClient) -> None:
    first, second = create_key(as_ada), create_key(as_ada)

    assert as_ada.delete(f"{KEYS}/{first['id']}").status_code == 204

    assert [item["id"] for item in as_ada.get(KEYS).json()["items"]] == [second["id"]]
    assert as_ada.delete(f"{KEYS}/{first['id']}").status_code == 404


@pytest.mark.any_database
def test_number_of_keys_is_limited(as_ada: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.features.api_keys.service.MAX_KEYS", 2)
    created = [create_key(as_ada) for _ in range(2)]

    rejected = as_ada.post(KEYS, json={"name": "One more", "scopes": ["read"]})

    assert problem_of(rejected)["type"] == "urn:problem:TooManyApiKeys"
    as_ada.delete(f"{KEYS}/{created[0]['id']}")
    create_key(as_ada)


@pytest.mark.any_database
def test_used_key_survives_secret_key_rotation(client: TestClient, as_ada: TestClient, start_app: Any) -> None:
    """Behaviour 152."""
    used, unused = create_key(as_ada), create_key(as_ada)
    former = client.app_state["settings"].secret_key
    new = "another secret key, which is just as long"

    rotated = start_app(secret_key=new, secret_key_fallbacks=former.get_secret_value())
    dropped = start_app(secret_key=new)

    assert api_key_client(dropped, used).get(ME).status_code == 401
    assert api_key_client(rotated, used).get(ME).status_code == 200
    assert [api_key_client(dropped, key).get(ME).status_code for key in (used, unused)] == [200, 401]


@pytest.mark.any_database
def test_idempotency_keys_of_a_session_are_not_those_of_an_api_key(client: TestClient, as_ada: TestClient) -> None:
    notes, key = "/api/v1/sample-notes", {"Idempotency-Key": "a-key"}
    both, again, narrow = (create_key(as_ada, *scopes) for scopes in (["read", "write"], ["write", "read"], ["read"]))
    as_ada.post(notes, json={"title": "Tea"}, headers=key)

    responses = [
        api_key_client(client, used).post(notes, json={"title": "Coffee"}, headers=key)
        for used in (both, both, again, narrow)
    ]

    assert [response.status_code for response in responses] == [201, 201, 201, 403]
    assert ["Idempotent-Replayed" in response.headers for response in responses] == [False, True, True, False]


@pytest.fixture
def for_admins(client: TestClient, add_routes: Callable[[APIRouter], None]) -> TestClient:
    """Return the app with an additional route that requires a permission."""
    router = APIRouter()

    @router.get(ADMINS)
    async def read(scope: Annotated[Scope, Depends(require_permission(Permission.ADMIN_ACCESS))]) -> str:
        return scope.email

    add_routes(router)
    return client


@pytest.mark.any_database
def test_permission_requires_both_role_and_key(for_admins: TestClient, as_admin: TestClient) -> None:
    """Behaviour 136. An admin's key needs the scope, and its owner the role."""
    plain, narrow = create_key(as_admin), create_key(as_admin, "admin:access")
    wide = create_key(as_admin, "read", "admin:access")

    assert problem_of(api_key_client(for_admins, plain).get(ADMINS))["type"] == "urn:problem:PermissionDenied"
    assert api_key_client(for_admins, narrow).get(ADMINS).status_code == 403
    assert api_key_client(for_admins, wide).get(ADMINS).json() == "admin@example.com"

    in_database(for_admins, lambda session: session.execute(delete(UserRole)))

    assert api_key_client(for_admins, wide).get(ADMINS).status_code == 403


def test_query_counts(as_ada: TestClient) -> None:
    with capture_queries(as_ada) as requests:
        for _ in range(3):
            created = create_key(as_ada)
            as_ada.get(KEYS)
        assert as_ada.delete(f"{KEYS}/{created['id']}").status_code == 204

    assert count_queries(requests) == {
        "POST /api/v1/auth/api-keys": 7,
        "GET /api/v1/auth/api-keys": 2,
        "DELETE /api/v1/auth/api-keys/{key_id}": 4,
    }


def test_query_count_of_a_request_with_a_key(client: TestClient, as_ada: TestClient) -> None:
    created = api_key_client(client, create_key(as_ada))
    created.get("/api/v1/users/me")
    with capture_queries(created) as requests:
        assert created.get("/api/v1/users/me").status_code == 200

    assert count_queries(requests) == {"GET /api/v1/users/me": 2}


def test_key_opens_a_websocket_until_it_is_revoked(client: TestClient, as_ada: TestClient) -> None:
    key = create_key(as_ada, "read", "write")
    connections = client.app_state["connections"]
    assert client.portal is not None

    with client.websocket_connect("/api/v1/sample-notes/socket", ["bearer", key["key"]]) as socket:
        client.portal.call(connections.check)
        socket.send_text("open")
        assert socket.receive_json() == ["ada@example.com", "open"]
        as_ada.delete(f"{KEYS}/{key['id']}")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()

    assert closed.value.code == 4401
