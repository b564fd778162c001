"""The admin of a generated project in a real browser: layout, accessibility and keyboard.

The resource has a field for each form widget.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Locator, Page, Route

from tests.baking import TEMPLATE, Bake
from tests.life import Person
from tests.pictures import compare_pictures
from tests.serving import Server, Visitor, run_dev, run_in, serving
from tests.windows import DESKTOP, PHONE, Scheme, Visit, inaccessible, visit

PLANT = [
    "Plant",
    "name:str=80:unique:search",
    "notes:text:optional",
    "height:int:optional",
    "price:decimal=8,2:optional",
    "bought:date:optional",
    "watered:datetime:optional",
    "status:enum=growing,sold:default=growing",
    "tags:list=str",
    "more:json:optional",
    "indoors:bool",
]
NAMES = ["Boston fern", "Olive tree", "Snake plant", "Lemon tree", "Peace lily", "Rubber plant"]
LONG = "A-name-without-a-space-which-no-line-of-a-phone-can-hold-is-broken-somewhere"
PICTURED = {"dashboard": "", "list": "plant/list", "record": "{row}", "form": "{form}"}


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """Generate the default project with one more resource."""
    project = bake()
    run_dev(project, "app", "new", "resource", *PLANT)
    return project


@pytest.fixture(scope="module")
def server(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the project, with a month of data and some plants."""
    with serving(project, tmp_path_factory.mktemp("log") / "server.txt") as server:
        past = run_in(project, [".venv/bin/python", str(TEMPLATE / "tests" / "past.py")])
        assert past.returncode == 0, past.stdout
        visitor, (email, password) = Visitor(server.address), server.credentials()
        signed_in = visitor.post_json("/api/v1/auth/login", {"email": email, "password": password})
        for number, name in enumerate([LONG, *NAMES]):
            plant = {
                "name": name,
                "notes": "Likes shade,\nand water on Sundays.",
                "height": 20 + 7 * number,
                "price": "9.50",
                "bought": "2026-03-14",
                "watered": "2026-11-01T09:30:00.123456Z",
                "status": "growing" if number % 3 else "sold",
                "tags": ["evergreen", "easy"],
                "more": {"pot": {"clay": True, "size": [12, 14]}},
                "indoors": number % 2 == 0,
            }
            made = visitor.post_json("/api/v1/plants", plant, signed_in.body["access_token"])
            assert made.status == 201, made.text
        yield server


def enter(window: Visit, server: Server) -> None:
    """Sign in, and check accessibility from now on."""
    window.open("/login")
    window.sign_in(server)
    window.thorough = True


def first_row(window: Visit, view: str) -> str:
    """Return the path of the first row of a list."""
    window.open(f"/admin/{view}/list")
    row = window.page.locator("tr[data-sa-pk]").first.get_attribute("data-sa-href")
    assert row
    return row.removeprefix(window.address)


def look_at(window: Visit, opener: Locator, shown: str) -> None:
    """Open a menu or dialog, check the page, and close it."""
    opener.click()
    window.page.locator(shown).first.wait_for()
    window.look()
    window.page.keyboard.press("Escape")
    window.page.locator(shown).first.wait_for(state="hidden")


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_pages_fit_and_are_accessible(
    chromium: Browser, server: Server, size: tuple[int, int], scheme: Scheme
) -> None:
    """Pages, dialogs and menus fit, respect the content security policy and are accessible.

    Layout depends on the size, contrast on the theme: other combinations would test nothing new.
    """
    with visit(chromium, server, size, scheme) as window:
        page = window.page
        enter(window, server)
        for path in (
            "",
            "user/list",
            "session/list",
            "event/list?q=a",
            "mail/list",
            "user/create",
            "transfers",
        ):
            window.open(f"/admin/{path}")
        page.goto(f"{window.address}/admin/nowhere")
        window.look()
        window.open(first_row(window, "user"))

        window.open("/admin/plant/list?q=a")
        filters = page.get_by_role("button", name="Filters", exact=True)
        filters.click()
        page.get_by_role("button", name="Add group").click()
        window.look()
        filters.click()
        columns = page.get_by_role("button", name="Columns")
        if columns.is_visible():
            look_at(window, columns, "#column-visibility-dropdown .dropdown-menu")
        look_at(window, page.get_by_role("button", name="Actions").first, ".dropdown-menu.show")
        page.get_by_role("button", name="Actions").first.click()
        look_at(window, page.locator(".show .row-action-item", has_text="Delete"), "#modal-action")
        look_at(window, page.locator(".action-item", has_text="Export"), "#modal-action")
        page.get_by_label("Select row").first.check()
        look_at(window, page.get_by_role("button", name="With selected"), ".dropdown-menu.show")

        window.open(first_row(window, "plant"))
        with page.expect_navigation():
            page.get_by_role("link", name="Edit", exact=True).click()
        window.look()
        assert page.get_by_label("Bought").input_value() == "March 14, 2026"
        assert page.get_by_label("Watered").input_value() == "November 1, 2026  09:30:00"
        look_at(window, page.get_by_label("Bought"), ".flatpickr-calendar.open")
        look_at(window, page.get_by_role("combobox", name="Owner"), ".select2-results__option")
        page.get_by_label("More").fill("{")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("Enter a valid value.", exact=True).wait_for()
        assert page.get_by_label("More").input_value() == "{"
        window.look()
        # The browser says that the status was 404, then 422, and what it reads no time from.
        known = re.compile("status of 4|does not conform")
        window.complaints = [wrong for wrong in window.complaints if not known.search(wrong)]


def test_list_shows_cards_on_a_phone(chromium: Browser, server: Server) -> None:
    with visit(chromium, server, PHONE) as window:
        enter(window, server)
        window.open("/admin/plant/list")

        cell = window.page.locator('td[data-column="height"]').first
        assert window.page.locator("thead").is_hidden()
        assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Height"'


FOCUS_IS_VISIBLE = """
() => document.activeElement.closest(".select2-container--focus .select2-selection")
  || getComputedStyle(document.activeElement).outlineStyle === "solid"
"""


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, and check that the focus is always visible."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.locator("*:focus")
        assert page.evaluate(FOCUS_IS_VISIBLE), focused.evaluate("focused => focused.outerHTML")[
            :300
        ]
        if focused.evaluate("(focused, selector) => focused.matches(selector)", selector):
            return
    message = f"Tab does not lead to {selector}"
    raise AssertionError(message)


def test_row_can_be_edited_with_the_keyboard(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        page, press = window.page, window.page.keyboard.press
        enter(window, server)
        window.open("/admin/")
        tab_to(page, ".skip")
        press("Enter")
        window.open("/admin/plant/list")
        tab_to(page, "tr[data-sa-pk]")
        with page.expect_navigation():
            press("Enter")
        tab_to(page, "a[data-sa-name=edit]")
        with page.expect_navigation():
            press("Enter")
        tab_to(page, "#notes")
        page.keyboard.insert_text("Changed by hand. ")
        tab_to(page, "button[type=submit], form .btn-primary")
        with page.expect_navigation():
            press("Enter")
        page.locator("dl").get_by_text("Changed by hand.").wait_for()


def test_times_are_in_the_time_zone_of_the_browser(chromium: Browser, server: Server) -> None:
    """Half an hour off UTC; what isn't touched stays as it was."""
    context = chromium.new_context(timezone_id="Asia/Kolkata", locale="en-US")
    window = Visit(context.new_page(), server.address)
    window.open("/login")
    window.sign_in(server)
    form = first_row(window, "plant").replace("detail", "edit")
    for entered in (None, "July 1, 2026  09:15:00"):
        window.open(form)
        watered = window.page.get_by_label("Watered")
        assert watered.input_value() == "November 1, 2026  15:00:00"
        assert window.page.get_by_text("In your time zone, Asia/").is_visible()
        if entered:
            watered.fill(entered)
            watered.press("Tab")
        window.press("Save")
    window.open(form.replace("edit", "detail"))
    time = window.page.locator("dl time").first
    assert time.inner_text().startswith("Jul 1, 2026, 9:15")
    assert time.get_attribute("title") == "2026-07-01 03:45:00 UTC"
    assert window.page.locator(".history").get_by_text("Watered").count() == 1
    assert window.page.locator(".history time").first.inner_text().endswith(("ago", "now"))
    context.close()


def test_alert_can_be_closed_with_the_keyboard(chromium: Browser, server: Server) -> None:
    with visit(chromium, server) as window:
        enter(window, server)
        window.open("/admin/plant/list")
        window.page.evaluate("successAlert('Stored.')")
        window.look()

        window.page.get_by_role("button", name="Close").press("Enter")

        window.page.get_by_text("Stored.").wait_for(state="hidden")


def test_list_can_be_filtered_by_a_selected_row(chromium: Browser, server: Server) -> None:
    with visit(chromium, server, DESKTOP, "light") as window:
        page = window.page
        enter(window, server)
        window.open("/admin/plant/list")
        page.get_by_role("button", name="Filters", exact=True).click()
        page.get_by_label("Field").select_option("owner")
        page.locator(".filter-row .select2-selection").click()
        typed = server.credentials()[0][:6]
        with page.expect_response(lambda response: typed in unquote(response.url)):
            page.keyboard.type(typed)
        page.locator(".loading-results").wait_for(state="detached")  # options are replaced
        page.locator(".select2-results__option", has_text=server.credentials()[0]).click()

        with page.expect_navigation():
            page.get_by_role("button", name="Apply filters").click()

        assert f"Owner: Is {server.credentials()[0]}" in page.inner_text("main, [role=main]")
        assert page.locator("tr[data-sa-pk]").count() == 7
        page.get_by_role("button", name="Filters").first.click()
        page.locator(".filter-row .select2-selection", has_text=server.credentials()[0]).wait_for()


NOTE_PROGRESS = """
bar => {
  window.measured = [];
  const note = () => window.measured.push(bar.getAttribute("value"));
  new MutationObserver(note).observe(bar, { attributeFilter: ["value"] });
}
"""
TOO_WIDE = "box => box.scrollWidth - box.clientWidth"


def preview_prices(window: Visit, olive: str, snake: str) -> None:
    """Preview a file with these prices of two plants, and select its number format."""
    page, dialog = window.page, window.page.locator("#modal-import")
    window.open("/admin/plant/list")
    rows = {name: page.locator("tr[data-sa-pk]", has_text=name) for name in ("Olive", "Snake")}
    ids = [row.get_attribute("data-sa-pk") for row in rows.values()]
    file = f"Id;Price;Kind\r\n{ids[0]};{olive};fruit\r\n{ids[1]};{snake};leaf\r\n"
    page.get_by_role("button", name="Import").click()
    dialog.get_by_label("CSV file").set_input_files(
        {"name": "prices.csv", "mimeType": "text/csv", "buffer": file.encode()}
    )
    dialog.get_by_label("Rows").select_option("id")
    window.look()
    dialog.get_by_role("button", name="Preview").click()
    errors = dialog.locator("#import-preview-errors")
    errors.get_by_text(f"“{olive}” is invalid.").first.wait_for()
    assert dialog.get_by_role("button", name="Import").is_hidden()
    assert dialog.get_by_text("Ignored: Kind").is_visible()
    window.look()
    dialog.get_by_label("Number format").select_option("1.234,50")


def import_prices(window: Visit) -> list[str | None]:
    """Import the previewed file, and return the values of the progress bar."""
    page, dialog = window.page, window.page.locator("#modal-import")
    progress = dialog.get_by_role("progressbar", include_hidden=True)

    held: list[Route] = []

    def hold(request: Route) -> None:
        held.append(request)

    page.route("**/plant/import", hold)
    progress.evaluate(NOTE_PROGRESS)
    with page.expect_request("**/plant/import"):
        dialog.get_by_role("button", name="Import 2 row(s)").click()
    progress.wait_for()
    window.look()
    held[0].continue_()
    dialog.get_by_text("2 row(s) scanned, 0 created, 2 updated").wait_for()
    page.unroute("**/plant/import")
    assert progress.is_hidden()
    window.look()
    measured: list[str | None] = page.evaluate("measured")
    with page.expect_navigation():
        dialog.get_by_role("button", name="Done").click()
    return measured


def test_import_dialog_updates_rows(chromium: Browser, server: Server) -> None:
    """On a phone, which has the least space. Leaves the prices that the screenshots show."""
    with visit(chromium, server, PHONE) as window:
        page, dialog = window.page, window.page.locator("#modal-import")
        enter(window, server)
        for olive, snake, read in (("1.234,50", "-2,5", "1234.50"), ("9,50", "9,5", "9.50")):
            preview_prices(window, olive, snake)
            dialog.get_by_text(f"{olive} → {read}").wait_for()
            assert dialog.locator("tbody .badge").all_inner_texts() == ["update", "update"]
            boxes = (dialog, dialog.locator(".modal-content"), dialog.locator(".modal-body"))
            assert [box.evaluate(TOO_WIDE) for box in boxes] == [0, 0, 0]
            window.look()

            *sent, working = import_prices(window)

            assert (sent[-1], working) == ("1", None)
            window.open("/admin/plant/list?cols=name,price")
            price = page.locator("tr[data-sa-pk]", has_text="Olive").locator("[data-column=price]")
            assert price.inner_text() == read


def test_import_of_a_large_file_leads_to_a_page_with_its_errors(
    chromium: Browser, server: Server
) -> None:
    names = [*(f"Moss {number}" for number in range(5_000)), "Olive tree"]  # the last one is taken
    owner, _ = server.credentials()
    file = "name,indoors,owner\r\n" + "".join(f"{name},yes,{owner}\r\n" for name in names)
    with visit(chromium, server, PHONE) as window:
        page, dialog = window.page, window.page.locator("#modal-import")
        enter(window, server)
        window.open("/admin/plant/list")
        page.get_by_role("button", name="Import").click()
        dialog.get_by_label("CSV file").set_input_files(
            {"name": "moss.csv", "mimeType": "text/csv", "buffer": file.encode()}
        )
        dialog.get_by_role("button", name="Preview").click()
        dialog.get_by_text("this preview checks its first 500 rows").wait_for()
        window.look()
        dialog.get_by_role("button", name="Import 5001 row(s)").click()
        page.get_by_text("The work continues if you leave this page").wait_for()
        page.get_by_text("Nothing was imported.").wait_for()
        assert page.locator("tbody tr").inner_text().split()[:2] == ["5002", "name"]
        window.look()
        window.open("/admin/transfers")
        assert page.get_by_role("link", name="Import of plants").is_visible()


def test_selected_theme_is_remembered(chromium: Browser, server: Server) -> None:
    with visit(chromium, server, scheme="dark") as window:
        drawn = window.page.locator("html")
        enter(window, server)
        window.open("/admin/")
        assert drawn.get_attribute("data-bs-theme") == "dark"

        window.page.get_by_label("Theme").select_option("Light")
        assert drawn.get_attribute("data-bs-theme") == "light"
        window.open("/admin/plant/list")
        assert drawn.get_attribute("data-bs-theme") == "light"
        assert window.page.get_by_label("Theme").input_value() == "light"

        window.page.get_by_label("Theme").select_option("System")
        assert drawn.get_attribute("data-bs-theme") == "dark"
        window.page.emulate_media(color_scheme="light")
        window.page.locator("html[data-bs-theme=light]").wait_for()


def test_theme_is_not_offered_without_scripts(chromium: Browser, server: Server) -> None:
    with visit(chromium, server, scripts=False) as window:
        window.open("/login")
        window.sign_in(server)
        window.open("/admin/")
        assert window.page.get_by_role("heading", name="Dashboard").is_visible()
        assert window.page.get_by_text("Theme").is_hidden()


def test_user_without_permission_sees_an_error_page(
    chromium: Browser, server: Server, project: Path
) -> None:
    with visit(chromium, server, PHONE) as window:
        ada = Person(window, project / "mail", "ada@example.com")
        ada.sign_up()
        ada.sign_in()
        response = window.page.goto(f"{window.address}/admin/")
        assert response is not None
        assert response.status == 403
        assert inaccessible(window.page) == ""
        window.complaints = [wrong for wrong in window.complaints if "status of 403" not in wrong]


def test_screenshots_of_the_admin(chromium: Browser, server: Server, tmp_path: Path) -> None:
    with visit(chromium, server) as window:
        enter(window, server)
        row = first_row(window, "plant").removeprefix("/admin/")
        for name, path in PICTURED.items():
            window.open(f"/admin/{path.format(row=row, form=row.replace('detail', 'edit'))}")
            window.page.wait_for_load_state("networkidle")
            window.page.screenshot(path=tmp_path / f"admin-{name}.png")

    compare_pictures(tmp_path)
