"""Password policy. The tests of sign-up, reset and change check that they apply it."""

from collections.abc import Callable
from contextlib import suppress
from cProfile import Profile
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from app.accounts.credentials.password_policy import PasswordTooCommon, PasswordTooShort, _score, hash_new_password
from app.accounts.credentials.passwords import MAX_BYTES, PasswordTooLong

SYMBOLS = "4@8({[<369&#!1/|0$5+7%2"


def choose(client: TestClient, password: str, email: str = "ada.lovelace@engines.example") -> str:
    """Hash a new password."""
    assert client.portal is not None
    authenticator = replace(client.app_state["authenticator"], project_name="Turtle Works")
    return client.portal.call(hash_new_password, authenticator, password, email)


@pytest.mark.any_database
@pytest.mark.parametrize("password", ["", "short", "elevenchars"])
def test_short_password_is_rejected(client: TestClient, password: str) -> None:
    with pytest.raises(PasswordTooShort, match="at least 12 characters"):
        choose(client, password)


@pytest.mark.any_database
@pytest.mark.parametrize(
    "password",
    ["password1234567", "qwertyuiop12345", "aaaaaaaaaaaaaaaa", " " * 16, "Password123!", "iloveyou2024!", "x" * 1024],
)
def test_common_password_is_rejected(client: TestClient, password: str) -> None:
    """Behaviour 21."""
    with pytest.raises(PasswordTooCommon):
        choose(client, password)


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("min_score", "accepted"),
    [(1, {"iloveyou2024!", "turtle engine"}), (3, {"turtle engine"}), (4, set())],
)
def test_minimum_score_is_a_setting(start_app: Callable[..., TestClient], min_score: int, accepted: set[str]) -> None:
    client, chosen = start_app(auth={"password_min_score": min_score}), set[str]()
    for password in ("aaaaaaaaaaaaaaaa", "iloveyou2024!", "turtle engine"):
        with suppress(PasswordTooCommon):
            choose(client, password)
            chosen.add(password)

    assert chosen == accepted


@pytest.mark.any_database
@pytest.mark.parametrize(
    "password",
    ["ada.lovelace1843", "AdaLovelace1843", "engines.example1", "turtleworks2026", "Turtle Works 2026"],
)
def test_password_based_on_email_or_project_name_is_rejected(client: TestClient, password: str) -> None:
    """Behaviour 22."""
    with pytest.raises(PasswordTooCommon):
        choose(client, password)


@pytest.mark.any_database
def test_password_based_on_another_email_is_accepted(client: TestClient) -> None:
    assert choose(client, "ada.lovelace1843", email="bob@example.com").startswith("$argon2id$")


@pytest.mark.any_database
@pytest.mark.parametrize("password", ["é" * 513, "x" * (MAX_BYTES + 1)])
def test_long_password_is_rejected(client: TestClient, password: str) -> None:
    with pytest.raises(PasswordTooLong):
        choose(client, password)


@pytest.mark.any_database
@pytest.mark.parametrize("password", [SYMBOLS * 4, "(+17<[|" * 20, SYMBOLS + "x" * 500])
def test_estimate_is_fast_for_adversarial_passwords(password: str) -> None:
    """Counts function calls, which is reproducible. Without bounds, they grow to 200,000 and take over ten seconds."""
    profile = Profile()

    profile.runcall(_score, password, [])

    assert sum(function.callcount for function in profile.getstats()) < 20_000
