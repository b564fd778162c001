"""The page with the checks of the installation."""

from starlette.testclient import TestClient

from app.accounts.permissions import Permission
from app.admin.operations.views import OperationsPermission
from tests.admin.browser import page_text
from tests.admin.staff import add_staff
from tests.web.browser import open_browser

LINK = 'href="/admin/doctor">Installation</a>'


def test_page_shows_findings_and_fixes(browser: TestClient) -> None:
    shown = browser.get("/admin/doctor")

    text = page_text(shown)
    assert shown.status_code == 200
    assert [name for name in ("Database", "Schema", "like the code", "No process runs jobs.") if name not in text] == []
    assert "Start `app worker`." in text
    assert "Port" not in text.split()
    assert LINK in browser.get("/admin/").text


def test_untrusted_proxy_of_the_request_is_shown(browser: TestClient) -> None:
    shown = page_text(browser.get("/admin/doctor", headers={"X-Forwarded-For": "8.8.8.8"}))

    assert "Requests come from testclient with X-Forwarded-For" in shown


def test_page_requires_its_permission(client: TestClient) -> None:
    staff = open_browser(client, add_staff(client, "staff", Permission.ADMIN_ACCESS))
    names = Permission.ADMIN_ACCESS, OperationsPermission.OPERATIONS_READ
    operator = open_browser(client, add_staff(client, "operator", *names))

    assert staff.get("/admin/doctor").status_code == 403
    assert LINK not in staff.get("/admin/").text
    assert operator.get("/admin/doctor").status_code == 200


def test_page_is_in_german(browser: TestClient) -> None:
    shown = page_text(browser.get("/admin/doctor", headers={"Accept-Language": "de"}))

    assert [text for text in ("Datenbank", "Kein Prozess führt Jobs aus.", "Warnung") if text not in shown] == []
    assert "No process" not in shown
