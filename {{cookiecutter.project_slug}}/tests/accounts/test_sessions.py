"""Sessions: sign out, and what ends a session at once."""

from starlette.testclient import TestClient

from app.accounts.models import User
from tests.support import in_database, log_in, sign_in, with_token

LOGOUT = "/api/v1/auth/logout"
REFRESH = "/api/v1/auth/token/refresh"
ME = "/api/v1/users/me"


def test_logout_ends_the_session_at_once(client: TestClient, ada: User) -> None:
    pair = log_in(client, ada.email)
    caller = with_token(client, pair["access_token"])

    answer = caller.post(LOGOUT)

    assert (answer.status_code, answer.content) == (204, b"")
    assert caller.get(ME).status_code == 401
    assert client.post(REFRESH, json={"refresh_token": pair["refresh_token"]}).status_code == 401
    assert caller.post(LOGOUT).status_code == 401


def test_logout_leaves_other_sessions_alone(client: TestClient, ada: User, as_bob: TestClient) -> None:
    here, elsewhere = sign_in(client, ada), sign_in(client, ada)

    here.post(LOGOUT)

    assert elsewhere.get(ME).status_code == 200
    assert as_bob.get(ME).status_code == 200


def test_logout_needs_a_session(client: TestClient) -> None:
    assert client.post(LOGOUT).status_code == 401


def test_tokens_of_a_deleted_user_are_refused(client: TestClient, ada: User, as_ada: TestClient) -> None:
    in_database(client, lambda session: session.delete(ada))

    assert as_ada.get(ME).status_code == 401
