"""All pages of the admin: no third-party requests, no injected scripts, no secrets."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import starlette_admin
from httpx2 import Response
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app import i18n
from app.accounts.models import AuthEvent, AuthSession, User
from app.admin.csp import INLINE_HANDLERS
from tests.admin.browser import export, listed_ids, page_text, save
from tests.sample.sample_notes.models import SampleNote
from tests.support import add_user, in_database
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database  # other modules check the pages on both databases

HOSTILE = """<script>alert(1)</script><img src=x onerror="alert(1)">"""
VIEWS = ("sample-note", "user", "role", "session", "event")
CHANGED = ("sample-note", "user")


@pytest.fixture
def pages(client: TestClient, browser: TestClient) -> list[Response]:
    """Return every page, with rows whose texts contain HTML."""

    async def add(session: AsyncSession) -> None:
        session.add(SampleNote(title=HOSTILE, body=HOSTILE, owner_id=owner.id))
        await session.execute(update(User).values(display_name=HOSTILE))
        await session.execute(update(AuthSession).values(user_agent=HOSTILE))
        session.add(AuthEvent(name="a_name", user_agent=HOSTILE, data={HOSTILE: HOSTILE}))

    owner = add_user(client, "ada@example.com")
    in_database(client, add)
    paths = ["/admin/nothing-is-here", "/admin/", "/admin/sample-note/create", "/admin/user/create"]
    for view in VIEWS:
        row = listed_ids(browser, view)[0]
        paths += [f"/admin/{view}/list?q=", f"/admin/{view}/detail?pk={row}"]
        paths += [f"/admin/{view}/edit?pk={row}"] if view in CHANGED else []
    return [browser.get(path) for path in paths]


class Attributes(HTMLParser):
    """Collects attributes that would run code: event handlers and `javascript:` URLs."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.running: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check the attributes of a tag."""
        for name, value in attrs:
            self.seen.append(name)
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.running.append(f"<{tag} {name}={value}>")


def test_pages_make_no_third_party_requests(pages: list[Response]) -> None:
    assert [page.status_code for page in pages] == [404] + [200] * (len(pages) - 1)
    for page in pages:
        assert page.text.count("<h1") == 1
        assert page.headers["Cache-Control"] == "no-store"
        loaded = re.findall(r"""(?:src|href|action|url)\s*[=(:]\s*["']?(?:https?:)?//([^/"'\s)]+)""", page.text)
        assert loaded == []
        assert "@import" not in page.text


def test_only_scripts_with_nonce_run_and_html_is_escaped(pages: list[Response]) -> None:
    """Browsers run only scripts with the nonce of the response. Behaviour 140."""
    shown = [str(page.url).partition("/admin/")[2] for page in pages if HOSTILE in page_text(page)]
    assert {"sample-note/list?q=", "user/list?q="} < set(shown), shown
    for view in ("session", "event"):
        assert [page for page in shown if page.startswith(f"{view}/detail")]
    nonces = set()
    for page in pages:
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        policy = page.headers["Content-Security-Policy"]
        found = re.search(r"script-src 'self' 'nonce-([\w-]{20,})';", policy)
        assert found, policy
        nonces.add(found[1])
        tags = re.findall(r"<(?:script|style)\b[^>]*>", page.text)
        assert len(tags) > 3
        assert all(f'nonce="{found[1]}"' in tag for tag in tags)
        assert "unsafe" not in policy.replace("style-src-attr 'unsafe-inline'", "")
        attributes = Attributes(page.text)
        assert attributes.running == []
        assert len(attributes.seen) > 50
    assert len(nonces) == len(pages)


def test_attribute_parser_finds_code() -> None:
    assert Attributes("<a href=' JavaScript:x' onclick='y'>").running == ["<a href= JavaScript:x>", "<a onclick=y>"]


def test_library_has_no_unpatched_inline_handlers() -> None:
    """Check all templates of the library, so that an upgrade can't add one unnoticed."""
    templates = Path(starlette_admin.__file__).parent / "templates"
    sources = "\n".join(path.read_text() for path in templates.rglob("*.html"))

    assert set(re.findall(r"""\s(on[a-z]+="[^"]*")""", sources)) == set(INLINE_HANDLERS)


def test_no_secret_is_shown_or_exported(client: TestClient, browser: TestClient, pages: list[Response]) -> None:
    """Behaviour 135."""

    async def secrets(session: AsyncSession) -> list[str]:
        hashes = await session.scalars(select(User.password_hash))
        tokens = await session.scalars(select(AuthSession.token_hash))
        return [*(text for text in hashes if text), *(token.hex() for token in tokens if token)]

    exported = [export(browser, view, kind) for view in VIEWS for kind in ("csv", "json")]
    lookups = [browser.get(f"/admin/_api/{view}/relation-lookup") for view in VIEWS]
    hidden = [*in_database(client, secrets), "password_hash", "token_hash", "argon2", "email_key"]

    assert len(hidden) > 5
    assert [response.status_code for response in exported + lookups] == [200] * len(exported + lookups)
    for response in [*pages, *exported, *lookups]:
        assert [secret for secret in hidden if secret in response.text] == []


def test_host_header_is_not_used_in_links_and_redirects(browser: TestClient, admin: User) -> None:
    forged = {"Host": "evil.example"}

    assert browser.get("/admin", headers=forged).headers["Location"] == "/admin/"
    shown = browser.get("/admin/user/list", headers=forged)
    assert shown.status_code == 200
    for page in ("/admin/", "/admin/user/list?sort=email__asc", f"/admin/user/edit?pk={admin.id}"):
        assert "evil.example" not in browser.get(page, headers=forged).text
    saved = save(browser, "/admin/role/create", name="reader")
    assert saved.headers["Location"] == "/admin/role/list"


def test_flash_cookie_has_prefix_and_secure_attributes(start_app: Callable[..., TestClient]) -> None:
    client = start_app(base_url="https://testserver/below")
    owner = add_user(client, "admin@example.com", admin=True)
    browser = open_browser(client, owner, "https://testserver")

    saved = save(browser, "/admin/role/create", name="reader")

    (notice,) = [line for line in saved.headers.get_list("set-cookie") if "notice=" in line]
    assert notice.startswith("below.admin-notice=")
    assert {"httponly", "secure", "samesite=lax"} <= set(notice.lower().split("; "))
    assert "created" in page_text(browser.get(saved.headers["Location"]))


@pytest.mark.parametrize(
    ("locale", "attributes"),
    [("ar", {"lang": "ar", "dir": "rtl"}), ("zh_Hant", {"lang": "zh-Hant"}), ("de", {"lang": "de"})],
)
def test_pages_declare_any_language(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch, locale: str, attributes: dict[str, str]
) -> None:
    """The library has no Arabic, and a name for Chinese that scripts reject."""
    monkeypatch.setattr(i18n, "choose_locale", lambda *_: locale)

    shown = browser.get("/admin/").text

    html = re.search(r"<html ([^>]*)>", shown)
    assert html
    found = dict(re.findall(r'\b(lang|dir)="([^"]*)"', html[1]))
    assert found == attributes
