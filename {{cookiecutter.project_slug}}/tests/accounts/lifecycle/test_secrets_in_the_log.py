"""Nothing that identifies a person or gives access is in the log, in the whole life of an account."""

import io
import json
import logging
import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.api.logs import JSONFormatter, LogFormatter
from tests.accounts.email_links import latest_token, request_reset, reset
from tests.jobs.helpers import run_jobs
from tests.support import PASSWORD, another_client, emails_to, link_in, log_in, with_token

AUTH = "/api/v1/auth"
ME = "/api/v1/users/me"
ADA, NEXT = "ada.lovelace@example.com", "countess@example.com"
NEW, WRONG = "another good passphrase", "a wrong passphrase"
NAME = "Ada King Noel"
THEIR_OWN = ("httpx", "asyncio", "python_multipart")  # the test client's; parsers of bodies log lengths only


@pytest.fixture
def log_files(caplog: pytest.LogCaptureFixture) -> Iterator[dict[str, io.StringIO]]:
    """Write everything that is logged during the test, at the level DEBUG, as text and as JSON."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "sqlalchemy.engine")  # statements; at DEBUG, it logs rows
    files = {"text": io.StringIO(), "json": io.StringIO()}
    handlers = [logging.StreamHandler(file) for file in files.values()]
    root = logging.getLogger()
    for handler, formatter in zip(handlers, (LogFormatter(), JSONFormatter()), strict=True):
        handler.setFormatter(formatter)
        handler.addFilter(lambda record: not record.name.startswith(THEIR_OWN))
        root.addHandler(handler)
    yield files
    for handler in handlers:
        root.removeHandler(handler)


class Life:
    """Uses an account, and remembers what must not be logged."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.secrets = {ADA, NEXT, PASSWORD, NEW, WRONG, NAME}

    def keep(self, answer: Any) -> Any:
        """Remember all long strings of a response that are secrets by their name."""
        assert answer.status_code < 300, answer.text
        values = answer.json() if answer.content else {}
        for name, value in values.items():
            if re.search("token$|^key$|secret|codes|challenge", name):
                self.secrets.update([value] if isinstance(value, str) else value)
        return values

    def mailed(self, address: str) -> str:
        """Return the token that was mailed last, and remember it and its link."""
        token = latest_token(self.client, address)
        self.secrets |= {token, link_in(emails_to(self.client, address)[-1])}
        return token

    def sign_in(self, email: str, password: str) -> TestClient:
        """Sign in and refresh the token."""
        pair = log_in(self.client, email, password)
        refreshed = self.client.post(f"{AUTH}/token/refresh", json={"refresh_token": pair["refresh_token"]})
        self.secrets |= {pair["access_token"], pair["refresh_token"]}
        return with_token(self.client, self.keep(refreshed)["access_token"])


def test_no_secret_is_logged_in_the_life_of_an_account(client: TestClient, log_files: dict[str, io.StringIO]) -> None:
    life = Life(client)
    sign_up(life)
    caller = life.sign_in(ADA, NEW)
    use_features(life, caller)
    change_address(life, caller)
    browse(life)
    run_jobs(client)
    life.keep(life.sign_in(NEXT, NEW).delete(ME))
    run_jobs(client)

    text, lines = log_files["text"].getvalue(), log_files["json"].getvalue().splitlines()
    assert f"POST {AUTH}/password/reset 204" in text
    assert "mail.send" in text
    assert "INSERT INTO users" in text, "statements are logged, too"
    assert len(life.secrets) > 12
    found = [(secret, line) for secret in life.secrets for line in text.splitlines() if secret in line]
    found += [(secret, line) for secret in life.secrets for line in lines if secret in repr(json.loads(line))]
    assert found == []


def sign_up(life: Life) -> None:
    client = life.client
    life.keep(client.post(f"{AUTH}/register", json={"email": ADA, "password": PASSWORD}))
    token = life.mailed(ADA)
    client.get(f"/verify/{token}")
    life.keep(client.post(f"{AUTH}/verify-email", json={"token": token, "password": PASSWORD}))
    assert client.post(f"{AUTH}/login", json={"email": ADA, "password": WRONG}).status_code == 401
    assert client.post(f"{AUTH}/login?email={ADA}", json={"email": ADA, "password": ["x", PASSWORD]}).status_code == 422
    token = request_reset(client, ADA)
    life.secrets.add(token)
    client.get(f"/password/reset/{token}")
    life.keep(reset(client, token, NEW))


def use_features(life: Life, caller: TestClient) -> None:
    life.keep(caller.patch(ME, json={"display_name": NAME}))
    if find_spec("app.features.api_keys"):
        created = life.keep(caller.post(f"{AUTH}/api-keys", json={"name": NAME, "scopes": ["read"]}))
        assert with_token(life.client, created["key"]).get(ME).status_code == 200
        assert with_token(life.client, f"{created['key']}x").get(ME).status_code == 401
    if find_spec("app.features.second_factor"):
        started = life.keep(caller.post(f"{AUTH}/totp"))
        wrong = {"code": "000000", "secret": started["secret"]}
        assert caller.post(f"{AUTH}/totp/confirm", json=wrong).status_code >= 400
    if find_spec("app.features.profile_pictures"):
        files = {"picture": (f"{NAME}.png", b"no picture", "image/png")}
        assert caller.put(f"{ME}/picture", files=files).status_code == 422


def change_address(life: Life, caller: TestClient) -> None:
    life.keep(caller.post(f"{AUTH}/email/change", json={"email": NEXT}))
    life.secrets |= set(re.findall(r"[\w-]{40,}", "".join(emails_to(life.client, ADA))))
    life.keep(life.client.post(f"{AUTH}/email/change/confirm", json={"token": life.mailed(NEXT)}))


def browse(life: Life) -> None:
    """Sign in with a cookie, on the page if there are pages."""
    browser = another_client(life.client, Origin=str(life.client.app_state["settings"].base_url).rstrip("/"))
    life.keep(browser.post(f"{AUTH}/cookie/login", json={"email": NEXT, "password": NEW}))
    form = browser.get("/login", params={"next": f"/?email={ADA}"})
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', form.text)
    if csrf:
        life.secrets.add(csrf[1])
        browser.post("/login", data={"email": NEXT, "password": NEW, "csrf_token": csrf[1]})
    life.secrets |= {value for value in browser.cookies.values() if len(value) > 12}
