"""`Idempotency-Key`: a retry of a POST request gets the stored response and changes nothing."""

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.api.dependencies import CurrentScope, OptionalScope
from app.accounts.api.idempotency import MAX_STORED_BYTES
from app.accounts.models import Role, User
from app.accounts.scope import Scope
from app.accounts.sessions import login, sessions
from app.api.dependencies import DatabaseDep, SessionDep
from app.api.idempotency import HEADER, IdempotencyKey
from app.api.schemas import ResponseSchema
from app.database.base import utc_now
from app.database.rows import insert_row
from tests.query_counts import capture_statements
from tests.routes import app_of
from tests.support import (
    PASSWORD,
    SECONDS_TO_WAIT,
    TEST_CLIENT,
    another_client,
    in_database,
    log_in,
    problem_of,
    sign_in,
    unique_text,
    with_token,
)

NOTES = "/api/v1/sample-notes"
PATH = "/api/v1/with-key"
KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"

AddRoutes = Callable[[APIRouter], None]


class RoleRead(ResponseSchema):
    """A role."""

    id: UUID
    version: int
    name: str


def post(caller: TestClient, path: str = NOTES, *, key: Any = KEY, **options: Any) -> Any:
    return caller.post(path, headers={HEADER: key, **options.pop("headers", {})}, **options)


def titles(caller: TestClient) -> list[str]:
    """Return the titles of the caller's notes, newest first."""
    return [note["title"] for note in caller.get(NOTES).json()["items"]]


def stored(client: TestClient) -> Sequence[IdempotencyKey]:
    async def read(session: AsyncSession) -> Sequence[IdempotencyKey]:
        return (await session.scalars(select(IdempotencyKey))).all()

    return in_database(client, read)


def expire(client: TestClient) -> None:
    past = utc_now() - timedelta(seconds=1)
    in_database(client, lambda session: session.execute(update(IdempotencyKey).values(expires_at=past)))


def is_replay(response: Any) -> bool:
    return bool(response.headers.get("Idempotent-Replayed") == "true")


def test_retry_gets_the_stored_response(as_ada: TestClient) -> None:
    first = post(as_ada, json={"title": "Tea"})
    again = post(as_ada, json={"title": "Tea"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["title"] == "Tea"
    assert again.content == first.content
    for name in ("Content-Type", "ETag", "Location", "Cache-Control"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]
    assert (is_replay(first), is_replay(again)) == (False, True)
    assert titles(as_ada) == ["Tea"]


def test_another_key_and_no_key_are_other_requests(as_ada: TestClient) -> None:
    post(as_ada, json={"title": "Tea"})

    assert post(as_ada, key="another", json={"title": "Tea"}).status_code == 409
    assert as_ada.post(NOTES, json={"title": "Tea"}).status_code == 409
    assert post(as_ada, key="another", json={"title": "Coffee"}).status_code == 201
    assert titles(as_ada) == ["Coffee", "Tea"]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"json": {"title": "Coffee"}}, id="body"),
        pytest.param({"content": b""}, id="no-body"),
        pytest.param({"json": {"title": "Tea"}, "params": {"q": "1"}}, id="query"),
        pytest.param({"content": b'{"title":"Tea"}', "headers": {"Content-Type": "text/plain"}}, id="content-type"),
    ],
)
def test_key_of_another_request_is_rejected(as_ada: TestClient, options: dict[str, Any]) -> None:
    post(as_ada, json={"title": "Tea"})

    reused = post(as_ada, **options)

    assert reused.status_code == 422
    assert problem_of(reused)["type"] == "urn:problem:InvalidIdempotencyKey"
    assert "new key" in problem_of(reused)["detail"]
    assert titles(as_ada) == ["Tea"]


@pytest.mark.any_database
@pytest.mark.parametrize(
    "key", ["", " ", "a b", "x" * 256, "x" * 10_000, b"nul\0", "é".encode(), "é".encode("latin-1"), "\u2028".encode()]
)
def test_malformed_key_is_rejected(client: TestClient, as_ada: TestClient, key: Any) -> None:
    rejected = post(as_ada, key=key, json={"title": "Tea"})

    assert rejected.status_code == 422
    assert "255 visible ASCII characters" in problem_of(rejected)["detail"]
    assert (titles(as_ada), stored(client)) == ([], [])


@pytest.mark.any_database
def test_two_keys_are_rejected(as_ada: TestClient) -> None:
    headers = [*as_ada.headers.items(), (HEADER, "one"), (HEADER, "two")]

    assert as_ada.post(NOTES, json={"title": "Tea"}, headers=headers).status_code == 422
    assert titles(as_ada) == []


@pytest.mark.any_database
@pytest.mark.parametrize("key", ["x", "x" * 255, '"8e03978e"', "!~"])
def test_any_visible_characters_are_a_key(as_ada: TestClient, key: str) -> None:
    assert [is_replay(post(as_ada, key=key, json={"title": "Tea"})) for _ in range(2)] == [False, True]


def test_users_have_their_own_keys(as_ada: TestClient, as_bob: TestClient) -> None:
    theirs = post(as_ada, json={"title": "Tea"})
    mine = post(as_bob, json={"title": "Tea"})

    assert mine.status_code == 201
    assert not is_replay(mine)
    assert mine.json()["id"] != theirs.json()["id"]
    assert titles(as_bob) == ["Tea"]


@pytest.mark.any_database
def test_sessions_of_a_user_share_their_keys(client: TestClient, as_ada: TestClient, ada: User) -> None:
    post(as_ada, json={"title": "Tea"})

    assert is_replay(post(sign_in(client, ada), json={"title": "Tea"}))


@pytest.mark.any_database
def test_impersonating_admin_has_other_keys(client: TestClient, as_ada: TestClient, ada: User, admin: User) -> None:
    authenticator = client.app_state["authenticator"]

    async def impersonate(session: AsyncSession) -> str:
        own, _ = await sessions.create_web_session(session, authenticator, admin, TEST_CLIENT, remember=False)
        scope = Scope(admin.id, own.id, admin.email, frozenset(), frozenset(), utc_now())
        theirs, _ = await sessions.create_web_session(
            session, authenticator, ada, TEST_CLIENT, remember=False, impersonator=scope
        )
        return login.issue_access_token(authenticator, ada.id, theirs.id, utc_now()).access_token

    post(as_ada, json={"title": "Tea"})
    as_impersonator = with_token(client, in_database(client, impersonate))

    assert post(as_impersonator, json={"title": "Tea"}).status_code == 409, "the title is taken, so it was executed"
    assert not is_replay(post(as_impersonator, json={"title": "Coffee"}))


@pytest.mark.any_database
def test_routes_have_their_own_keys(as_ada: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    @router.post(PATH + "/{number}")
    async def count(scope: CurrentScope, number: int) -> int:  # noqa: ARG001 - requires a token
        return number

    add_routes(router)

    assert [post(as_ada, f"{PATH}/{number}").json() for number in (1, 2, 1)] == [1, 2, 1]


def test_replay_after_the_row_was_deleted_does_not_create_it_again(as_ada: TestClient) -> None:
    first = post(as_ada, json={"title": "Tea"})
    as_ada.delete(first.headers["Location"])

    assert post(as_ada, json={"title": "Tea"}).content == first.content
    assert titles(as_ada) == []


def test_errors_are_not_stored(client: TestClient, as_ada: TestClient, add_routes: AddRoutes) -> None:
    router, outcomes = APIRouter(), iter([LookupError(), JSONResponse({}, 409), None])

    @router.post(PATH)
    async def fail_twice(scope: CurrentScope, session: SessionDep) -> Response:  # noqa: ARG001 - requires a token
        outcome = next(outcomes)
        await insert_row(session, Role, {"name": "new", "permissions": []}, RoleRead)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome or Response(status_code=204)

    add_routes(router)
    as_ada.post(NOTES, json={"title": "Tea"})

    assert [post(as_ada, json={"title": title}).status_code for title in ("", "Tea", "Coffee")] == [422, 409, 201]
    assert [post(as_ada, PATH).status_code for _ in range(4)] == [500, 409, 204, 204]
    assert is_replay(post(as_ada, PATH))
    assert [key.response is not None for key in stored(client)] == [True, True]


def test_row_and_response_are_saved_together(client: TestClient, as_ada: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    @router.post(PATH)
    async def write(scope: CurrentScope, session: SessionDep, name: str) -> str:  # noqa: ARG001 - requires a token
        session.add(Role(name=name, permissions=[]))  # inserted by the commit
        return name

    add_routes(router)
    in_database(client, lambda session: _add_role(session, "taken"))

    assert [post(as_ada, PATH, params={"name": "taken"}).status_code for _ in range(2)] == [500, 500]
    assert stored(client) == []
    assert [post(as_ada, PATH, params={"name": "free"}).status_code for _ in range(2)] == [200, 200]
    assert len(stored(client)) == 1


async def _add_role(session: AsyncSession, name: str) -> None:
    session.add(Role(name=name, permissions=[]))


def test_retry_while_the_first_request_runs_is_told_to_wait(as_ada: TestClient, add_routes: AddRoutes) -> None:
    router, has_started, may_end = APIRouter(), threading.Event(), threading.Event()

    @router.post(PATH)
    def wait(scope: CurrentScope) -> str:  # noqa: ARG001 - requires a token
        has_started.set()
        assert may_end.wait(SECONDS_TO_WAIT)
        return unique_text(4)

    add_routes(router)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(post, as_ada, PATH)
        assert has_started.wait(SECONDS_TO_WAIT)
        early = post(as_ada, PATH)
        may_end.set()
        text = first.result().text

    assert problem_of(early)["type"] == "urn:problem:RequestInProgress"
    assert (early.status_code, early.headers["Retry-After"]) == (409, "1")
    assert post(as_ada, PATH).text == text


def test_concurrent_retries_on_two_apps_create_one_row(
    as_ada: TestClient, start_app: Callable[..., TestClient]
) -> None:
    other = start_app(api={"page_size": 5})  # with its own connections and thread
    callers = [as_ada, another_client(other, Authorization=as_ada.headers["Authorization"])]

    for round_ in range(5):
        barrier = threading.Barrier(4)

        def send(caller: TestClient, body: dict[str, str], key: str, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait(SECONDS_TO_WAIT)
            return post(caller, key=key, json=body)

        with ThreadPoolExecutor(4) as threads:
            key = str(uuid4())
            sent = [threads.submit(send, caller, {"title": f"Tea {round_}"}, key) for caller in callers * 2]
            responses = [future.result() for future in sent]

        created = [response for response in responses if response.status_code == 201]
        waiting = [response for response in responses if response.status_code == 409]
        assert len(created) + len(waiting) == 4
        assert len({response.content for response in created}) == 1
        assert {problem_of(response)["type"] for response in waiting} <= {"urn:problem:RequestInProgress"}
    assert len(titles(as_ada)) == 5


def test_key_of_a_crashed_process_can_be_used_again(client: TestClient, as_ada: TestClient) -> None:
    post(as_ada, json={"title": "Tea"})
    in_database(client, lambda session: session.execute(update(IdempotencyKey).values(response=None)))

    assert post(as_ada, json={"title": "Tea"}).headers["Retry-After"] == "1"

    expire(client)
    assert problem_of(post(as_ada, json={"title": "Tea"}))["type"] == "urn:problem:SampleNoteTitleTaken"


def test_request_whose_key_was_taken_over_is_rolled_back(
    client: TestClient, as_ada: TestClient, add_routes: AddRoutes
) -> None:
    router = APIRouter()

    @router.post(PATH)
    async def lose_the_key(scope: CurrentScope, database: DatabaseDep, session: SessionDep) -> str:  # noqa: ARG001
        async with database.sessions.begin() as other:
            await other.execute(update(IdempotencyKey).values(claim_id=uuid4()))
        await _add_role(session, "new")
        return "saved"

    add_routes(router)

    assert problem_of(post(as_ada, PATH))["type"] == "urn:problem:RequestInProgress"
    assert in_database(client, lambda session: session.scalar(select(Role))) is None
    assert len(stored(client)) == 1, "it belongs to the other request"


def test_response_is_stored_for_a_day(client: TestClient, as_ada: TestClient) -> None:
    post(as_ada, json={"title": "Tea"})

    (row,) = stored(client)
    assert row.expires_at - utc_now() == pytest.approx(timedelta(hours=24), abs=timedelta(minutes=1))

    expire(client)
    assert post(as_ada, json={"title": "Coffee"}).status_code == 201, "the key may be used for another request"
    assert titles(as_ada) == ["Coffee", "Tea"]


def test_long_and_streamed_responses_are_not_repeated(
    client: TestClient, as_ada: TestClient, add_routes: AddRoutes
) -> None:
    router, calls = APIRouter(), list[str]()

    async def stream() -> AsyncIterator[str]:
        yield "one"
        yield "two"

    @router.post(PATH + "/{kind}")
    async def respond(scope: CurrentScope, session: SessionDep, kind: str) -> Response:  # noqa: ARG001
        calls.append(kind)
        await _add_role(session, kind)
        sizes = {"long": MAX_STORED_BYTES + 1, "longest": MAX_STORED_BYTES}
        return Response(b"x" * sizes[kind]) if kind in sizes else StreamingResponse(stream())

    add_routes(router)

    for kind, size in (("long", MAX_STORED_BYTES + 1), ("streamed", 6)):
        assert len(post(as_ada, f"{PATH}/{kind}").content) == size
        again = post(as_ada, f"{PATH}/{kind}")
        assert problem_of(again)["type"] == "urn:problem:ResponseNotStored"
        assert "Retry-After" not in again.headers
    assert [len(post(as_ada, f"{PATH}/longest").content) for _ in range(2)] == [MAX_STORED_BYTES] * 2
    assert calls == ["long", "streamed", "longest"]
    assert max(len(row.response or b"") for row in stored(client)) < 2 * MAX_STORED_BYTES


@pytest.mark.any_database
def test_redirects_are_repeated_and_cookies_are_not(as_ada: TestClient, add_routes: AddRoutes) -> None:
    router = APIRouter()

    @router.post(PATH)
    async def redirect(scope: CurrentScope) -> RedirectResponse:  # noqa: ARG001 - requires a token
        response = RedirectResponse("/somewhere", 303)
        response.set_cookie("secret", "value")
        return response

    add_routes(router)

    first, again = (post(as_ada, PATH) for _ in range(2))
    assert (again.status_code, again.headers["Location"]) == (303, "/somewhere")
    assert "Set-Cookie" in first.headers
    assert "Set-Cookie" not in again.headers


@pytest.mark.any_database
def test_stored_response_is_encrypted(client: TestClient, as_ada: TestClient, start_app: Any, ada: User) -> None:
    created = post(as_ada, json={"title": "A secret title"}).json()

    (row,) = stored(client)
    assert row.response
    assert not any(text in row.response for text in (b"secret", created["id"].encode()))

    new, former = "another secret key, which is just as long", client.app_state["settings"].secret_key
    rotated = start_app(secret_key=new, secret_key_fallbacks=former.get_secret_value())
    assert post(sign_in(rotated, ada), json={"title": "A secret title"}).json() == created
    other = post(sign_in(start_app(secret_key=new), ada), json={"title": "A secret title"})
    assert problem_of(other)["type"] == "urn:problem:ResponseNotStored"


@pytest.mark.any_database
def test_tokens_are_never_stored(client: TestClient, as_ada: TestClient, ada: User) -> None:
    credentials = {"email": ada.email, "password": PASSWORD}
    tokens = [post(client, "/api/v1/auth/login", json=credentials).json()["access_token"] for _ in range(2)]
    confirmed = [post(as_ada, "/api/v1/auth/reauth", json={"password": PASSWORD}) for _ in range(2)]

    assert tokens[0] != tokens[1]
    assert [response.status_code for response in confirmed] == [200, 200]
    assert not any(is_replay(response) for response in confirmed)
    assert stored(client) == []


@pytest.mark.any_database
def test_anonymous_and_other_requests_ignore_the_header(
    client: TestClient, as_ada: TestClient, add_routes: AddRoutes
) -> None:
    router = APIRouter()

    @router.post(PATH)
    async def name_caller(request: Request, scope: OptionalScope) -> str:
        return f"{scope.email if scope else 'nobody'} sent {(await request.body()).decode()}"

    add_routes(router)
    pair = log_in(client, "ada@example.com")

    assert [post(client, PATH, content="tea").text for _ in range(2)] == ['"nobody sent tea"'] * 2
    assert post(with_token(client, "invalid"), PATH).status_code == 401
    assert post(with_token(client, "invalid"), NOTES, json={"title": "Tea"}).status_code == 401
    assert stored(client) == []
    note = as_ada.post(NOTES, json={"title": "Tea"})
    for method in ("GET", "PATCH", "DELETE"):
        sent = as_ada.request(method, note.headers["Location"], headers={HEADER: KEY}, json={})
        assert not is_replay(sent)
    assert stored(client) == []
    assert is_replay([post(with_token(client, pair["access_token"]), PATH, content="tea") for _ in range(2)][1])


@pytest.mark.any_database
def test_only_requests_with_a_key_have_additional_statements(client: TestClient, as_ada: TestClient) -> None:
    numbers = []
    with capture_statements(client) as statements:
        for headers in ({}, {HEADER: KEY}, {HEADER: KEY}):
            statements.clear()
            as_ada.post(NOTES, json={"title": f"Tea {bool(headers)}"}, headers=headers)
            numbers.append(len([sent for sent, _ in statements if not sent.startswith(("BEGIN", "SAVEPOINT"))]))

    plain, first, again = numbers
    assert (first - plain, again) == (2, 3)


@pytest.mark.any_database
def test_responses_are_deleted_with_the_account(client: TestClient, as_ada: TestClient) -> None:
    post(as_ada, json={"title": "Tea"})

    assert as_ada.delete("/api/v1/users/me").status_code == 204
    assert stored(client) == []


@pytest.mark.any_database
def test_works_below_a_path(start_app: Callable[..., TestClient], ada: User) -> None:
    client = start_app(base_url="https://example.com/shop")
    as_ada = with_token(client, log_in(client, ada.email)["access_token"])

    created = [post(as_ada, f"/shop{NOTES}", json={"title": "Tea"}) for _ in range(2)]

    assert [is_replay(response) for response in created] == [False, True]
    assert created[0].headers["Location"] == created[1].headers["Location"]


@pytest.mark.any_database
def test_header_is_documented_where_it_works(client: TestClient) -> None:
    app = app_of(client)
    paths = app.openapi()["paths"]
    documented = {
        f"{method} {path}"
        for path, operations in app.openapi()["paths"].items()  # again: it isn't added twice
        for method, operation in operations.items()
        if [parameter["name"] for parameter in operation.get("parameters", ())].count(HEADER) == 1
    }

    assert f"post {NOTES}" in documented
    assert paths[NOTES]["post"]["responses"].keys() >= {"409", "422"}
    assert not [name for name in documented if "/auth/" in name or not name.startswith("post ")]
