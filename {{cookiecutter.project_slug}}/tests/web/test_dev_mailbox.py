"""The development mailbox, and that it is not found elsewhere."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.support import wait_until
from tests.web.browser import open_browser, read_page

pytestmark = pytest.mark.any_database

Start = Callable[..., TestClient]


@pytest.fixture
def sent(start_app: Start, ada: User, tmp_path: Path) -> TestClient:
    """Return a browser of an app that has written two emails, one to Ada."""
    folder = tmp_path / "mails"
    client = start_app(mail={"url": f"file:{folder}"}, jobs={"in_server": True})
    for email in (ada.email, "new@example.com"):
        client.post("/api/v1/auth/password/forgot", json={"email": email})
    client.post("/api/v1/auth/register", json={"email": "new@example.com", "password": "a long enough passphrase"})
    wait_until(lambda: len(list(folder.glob("[!.]*.eml"))) == 2)
    return open_browser(client)


def test_emails_are_listed_newest_first(sent: TestClient) -> None:
    page = read_page(sent.get("/dev/mail"))

    assert page.text.index("To new@example.com") < page.text.index("To ada@example.com")


def test_email_is_shown_with_working_links(sent: TestClient) -> None:
    oldest = [link for link in read_page(sent.get("/dev/mail")).links if link.startswith("/dev/mail/")][-1]

    page = read_page(sent.get(oldest))
    html = sent.get(f"{oldest}/html")

    (link,) = (link for link in page.links if "/password/reset/" in link)
    assert sent.get(link).status_code == 200
    assert f'href="{link}"' in html.text
    assert html.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "sandbox" in html.headers["Content-Security-Policy"]


def test_empty_list_explains_where_emails_go(client: TestClient, start_app: Start) -> None:
    by_server = start_app(mail={"url": "smtp://localhost"})

    assert "No emails in" in read_page(open_browser(client).get("/dev/mail")).text
    assert "Emails are sent through the server in MAIL_URL" in read_page(open_browser(by_server).get("/dev/mail")).text


@pytest.mark.parametrize("name", [str(UUID(int=1)), "..%2F..%2Fsecret", "secret", "secret.eml"])
def test_other_files_are_not_shown(client: TestClient, name: str) -> None:
    Path("mail").mkdir()
    Path("secret.eml").write_text("Subject: Hush\n\nHush")

    responses = [open_browser(client).get(f"/dev/mail/{name}{end}") for end in ("", "/html")]

    assert {response.status_code for response in responses} <= {404, 422}
    assert not [response for response in responses if "Hush" in response.text]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"environment": "production", "auth": {"argon2_memory_kib": 19_456}}, id="production"),
        pytest.param({}, id="https"),
    ],
)
def test_pages_are_not_found_outside_development(start_app: Start, changes: dict[str, object]) -> None:
    client = open_browser(start_app(base_url="https://testserver", **changes), address="https://testserver")

    for path in ("/dev/mail", f"/dev/mail/{UUID(int=7)}", f"/dev/mail/{UUID(int=7)}/html"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/signup/sent", "/password/sent"])
def test_pages_link_to_the_mailbox_in_development(client: TestClient, start_app: Start, path: str) -> None:
    link = 'href="/dev/mail"'
    public = start_app(base_url="https://example.com")

    assert client.get(path).text.count(link) == 2
    assert client.get("/login").text.count(link) == 1, "in the footer of every page"
    assert link not in public.get(path).text
