"""What to do on a page before its picture is taken: send forms, open dialogs, cause errors."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

from playwright.sync_api import Page

from tests.life import one_time_code

Act = Callable[[Page], None]

BROKEN = """
    from fastapi import APIRouter

    from app.errors import Problem

    router = APIRouter()


    def share(total: int, people: list[str]) -> int:
        return total // len(people)


    @router.get("/broken")
    async def show_share() -> int:
        return share(100, [])


    @router.get("/broken/in-production")
    async def show_nothing() -> None:
        raise Problem()
"""
"""Pages that fail: as a bug does in development, and as it does in production."""
INLINE = """

    class ThingInline(InlineView):
        model = Thing
        title_field = "name"
        fields = ("name", "count", "state", "day")
        schema = ThingUpdate


    MakerView.inlines = (ThingInline,)
"""
INLINE_IMPORTS = """
    from app.admin.base.inlines import InlineView
    from app.features.things.models import Thing
    from app.features.things.schemas import ThingUpdate
"""


def prepare(project: Path) -> None:
    """Add pages that fail, and rows of another resource to a form of the admin."""
    Path(project, "app", "web", "broken.py").write_text(dedent(BROKEN), encoding="utf-8")
    admin = Path(project, "app", "features", "makers", "admin.py")
    text = admin.read_text(encoding="utf-8")
    text = text.replace("\n\nfrom ", "\n" + dedent(INLINE_IMPORTS) + "from ", 1)
    admin.write_text(text + dedent(INLINE), encoding="utf-8")


def _submit(name: str) -> Act:
    """Return a function that submits the form as it is, past the checks of the browser."""

    def submit(page: Page) -> None:
        page.locator("form").evaluate_all("all => all.forEach(form => { form.noValidate = true })")
        with page.expect_navigation():
            page.get_by_role("main").get_by_role("button", name=name).first.click()

    return submit


def _open_details(page: Page) -> None:
    page.locator("main details > summary").last.click()


def _create_and_delete(page: Page) -> None:
    page.locator("[name=title]").fill("Not for long")
    _submit("Save")(page)
    _open_details(page)
    _submit("Delete note")(page)


def _preview_import(page: Page) -> None:
    """Preview two new rows, one that exists, and one with too long a name."""
    dialog = page.locator("#modal-import")
    names = ["Name", "Trees", "Urgent", "Pots", "Much too long " * 5]
    page.get_by_role("button", name="Import").first.click()
    dialog.locator("input[type=file]").set_input_files(
        {"name": "labels.csv", "mimeType": "text/csv", "buffer": "\n".join(names).encode()}
    )
    dialog.get_by_role("button", name="Preview").click()
    dialog.locator("tbody tr").first.wait_for()


def _empty_an_inline(page: Page) -> None:
    page.locator(".inline-row input[type=text]").locator("visible=true").first.fill("")
    _submit("Save")(page)


def _create_key(page: Page) -> None:
    page.locator("[name=name]").fill("Backup of the garden")
    page.locator("[type=checkbox]").first.check()
    with page.expect_navigation():
        page.locator("main form button.primary").click()


def _open_mail(page: Page) -> None:
    """Create a key, and open the email about it."""
    _create_key(page)
    mailbox = page.url.partition("/account")[0] + "/dev/mail"
    found = page.locator("main a", has_text="API-Schlüssel").first
    page.goto(mailbox)
    for _ in range(50):
        if found.is_visible():
            break
        page.wait_for_timeout(200)
        page.reload()
    with page.expect_navigation():
        found.click()
    page.goto(page.url + "/html")


def _add_second_factor(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("link", name="Set up", exact=True).click()
    if page.get_by_role("button", name="Continue").is_visible():
        _submit("Continue")(page)
    page.locator("[name=code]").fill(one_time_code(page.locator("main p code").first.inner_text()))
    _submit("Turn on")(page)


STATES: dict[str, tuple[str, str, Act | None]] = {
    "login-wrong": ("visitor", "/login", _submit("Sign in")),
    "signup-empty": ("visitor", "/signup", _submit("Sign up")),
    "things-new-empty": ("user", "/things/new", _submit("Save")),
    "note-delete": ("user", "/notes/{note}", _open_details),
    "note-saved": ("user", "/notes/{note}/edit", _submit("Save")),
    "note-deleted": ("user", "/notes/new", _create_and_delete),
    "key-new": ("user", "/account/api-keys/new", _create_key),
    "broken": ("user", "/broken", None),
    "broken-in-production": ("user", "/broken/in-production", None),
    "admin-thing-create-empty": ("admin", "/admin/thing/create", _submit("Save")),
    "admin-import-preview": ("admin", "/admin/label/list", _preview_import),
    "admin-maker-edit": ("admin", "/admin/maker/edit?pk={maker}", None),
    "admin-maker-edit-wrong": ("admin", "/admin/maker/edit?pk={maker}", _empty_an_inline),
    "forbidden": ("member", "/admin/", None),
    "codes": ("member", "/account/second-factor", _add_second_factor),
    "german-home": ("german", "/", None),
    "german-notes": ("german", "/notes", None),
    "german-note": ("german", "/notes/{note}", None),
    "german-notes-new-empty": ("german", "/notes/new", _submit("speichern")),
    "german-account": ("german", "/account", None),
    "german-not-found": ("german", "/nowhere", None),
    "german-dashboard": ("german", "/admin/", None),
    "german-admin-notes": ("german", "/admin/note/list", None),
    "german-admin-user-edit": ("german", "/admin/user/edit?pk={user}", None),
    "german-mail": ("german", "/account/api-keys/new", _open_mail),
}
"""Name of the picture → who opens a page (see `window`), its path, and what is done on it."""
