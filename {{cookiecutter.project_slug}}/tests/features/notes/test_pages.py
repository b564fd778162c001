"""Notes as pages."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.support import log_in, with_token
from tests.web.browsing import open_browser, read_page, submit

NO_NOTE = "01890000-0000-7000-8000-000000000000"
SCRIPT = '"><script>alert(1)</script>'


def write_note(browser: TestClient, title: str = "Milk", body: str = "Two bottles") -> str:
    """Write a note with the form, and return its address."""
    answer = submit(browser, "/notes/new", title=title, body=body)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def api_of(client: TestClient, user: User) -> TestClient:
    """Return the API as this user sees it."""
    return with_token(client, log_in(client, user.email)["access_token"])


def titles(browser: TestClient, address: str = "/notes") -> list[Any]:
    """Return the titles of the notes on a page, found by their links."""
    answer = browser.get(address)
    read_page(answer)
    return [part.split("</a>")[0].split(">")[1] for part in answer.text.split('<h2><a href="/notes/')[1:]]


def test_written_note_is_shown_and_is_the_one_of_the_api(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    address = write_note(browser, "  Milk ", "Two\r\nbottles")

    shown = read_page(browser.get(address))
    assert "Milk" in shown.text
    assert "Two\nbottles" in shown.text
    note = api_of(client, ada).get(f"/api/v1{address}").json()
    assert (note["title"], note["body"]) == ("Milk", "Two\nbottles")


def test_list_is_newest_first_and_says_when_it_is_empty(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    assert "You have no notes yet." in browser.get("/notes").text

    for title in ("one", "two", "three"):
        write_note(browser, title)

    assert titles(browser) == ["three", "two", "one"]


def test_older_leads_through_all_notes_once(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    api = api_of(client, ada)
    for number in range(5):
        api.post("/api/v1/notes", json={"title": f"note {number}"})

    seen, address = [], "/notes?limit=2"
    while address:
        seen += titles(browser, address)
        address = next((link for link in read_page(browser.get(address)).links if "cursor=" in link), "")

    assert seen == [f"note {number}" for number in (4, 3, 2, 1, 0)]


def test_blank_title_is_explained_and_the_text_kept(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)

    answer = submit(browser, "/notes/new", title="   ", body="\nTwo bottles")

    page = read_page(answer)
    assert answer.status_code == 422
    assert "Please fill this in." in page.text
    assert page.fields["title"]["aria-describedby"] == "title-error"
    assert page.forms["/notes/new"]["body"] == "\nTwo bottles"
    assert titles(browser) == []


def test_taken_title_is_explained_beside_it(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    write_note(browser)

    answer = submit(browser, "/notes/new", title="Milk", body="Three bottles")

    page = read_page(answer)
    assert answer.status_code == 409
    assert "You have another note with this title." in page.text
    assert "autofocus" in page.fields["title"]
    assert page.forms["/notes/new"]["body"] == "Three bottles"
    assert titles(browser) == ["Milk"]


def test_note_is_changed(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    address = write_note(browser)

    answer = submit(browser, f"{address}/edit", title="Bread", body="")

    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert titles(browser) == ["Bread"]


@pytest.mark.parametrize(("title", "status"), [("", 422), ("Bread", 409)])
def test_refused_change_keeps_what_was_entered(client: TestClient, ada: User, title: str, status: int) -> None:
    browser = open_browser(client, ada)
    write_note(browser, "Bread")
    address = write_note(browser)

    answer = submit(browser, f"{address}/edit", title=title, body="Three bottles")

    form = read_page(answer).forms[f"{address}/edit"]
    assert answer.status_code == status
    assert (form["title"], form["body"], form["version"]) == (title, "Three bottles", "1")
    assert titles(browser) == ["Milk", "Bread"]


def test_who_saves_second_is_told_and_loses_nothing(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    address = write_note(browser)
    form = read_page(browser.get(f"{address}/edit")).forms[f"{address}/edit"]
    submit(browser, f"{address}/edit", body="Saved first")

    second = browser.post(f"{address}/edit", data={**form, "body": "Saved second"})

    page = read_page(second)
    assert second.status_code == 412
    assert "changed elsewhere while you were writing" in page.text
    assert "Saved first" in page.text
    assert page.forms[f"{address}/edit"]["body"] == "Saved second"
    assert "Saved first" in browser.get(address).text

    again = browser.post(f"{address}/edit", data=page.forms[f"{address}/edit"])

    assert again.status_code == 303
    assert "Saved second" in browser.get(address).text


@pytest.mark.parametrize("version", ["", "x", "99999999999999999999"])
def test_form_without_the_version_it_showed_changes_nothing(client: TestClient, ada: User, version: str) -> None:
    browser = open_browser(client, ada)
    address = write_note(browser)

    answer = submit(browser, f"{address}/edit", body="Changed", version=version)

    assert answer.status_code in {412, 422}
    assert "Two bottles" in browser.get(address).text


def test_note_is_deleted(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    address = write_note(browser)

    answer = submit(browser, address, action=f"{address}/delete")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/notes")
    assert browser.get(address).status_code == 404
    assert titles(browser) == []


def test_note_that_changed_meanwhile_is_not_deleted(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    address = write_note(browser)
    form = read_page(browser.get(address)).forms[f"{address}/delete"]
    submit(browser, f"{address}/edit", body="Changed")

    answer = browser.post(f"{address}/delete", data=form)

    assert answer.status_code == 412
    assert browser.get(address).status_code == 200


def test_notes_of_someone_else_are_not_found(client: TestClient, ada: User, bob: User) -> None:
    browser, other = open_browser(client, ada), open_browser(client, bob)
    address = write_note(other)
    token = read_page(browser.get("/notes/new")).forms["/notes/new"]["csrf_token"]
    change = {"csrf_token": token, "version": "1", "title": "Stolen", "body": ""}

    for path in (address, f"/notes/{NO_NOTE}", "/notes/not-an-id"):
        assert browser.get(path).status_code == 404
        assert browser.get(f"{path}/edit").status_code == 404
        assert browser.post(f"{path}/edit", data=change).status_code == 404
        assert browser.post(f"{path}/delete", data=change).status_code == 404

    assert titles(browser) == []
    assert titles(other) == ["Milk"]


@pytest.mark.any_database
@pytest.mark.parametrize("path", ["/notes", "/notes/new", f"/notes/{NO_NOTE}", f"/notes/{NO_NOTE}/edit"])
def test_strangers_are_sent_to_sign_in(client: TestClient, path: str) -> None:
    answer = open_browser(client).get(path)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=%2Fnotes")


@pytest.mark.any_database
@pytest.mark.parametrize("action", ["new", f"{NO_NOTE}/edit", f"{NO_NOTE}/delete"])
def test_form_without_a_token_changes_nothing(client: TestClient, ada: User, action: str) -> None:
    browser = open_browser(client, ada)

    assert browser.post(f"/notes/{action}", data={"title": "Milk", "version": "1"}).status_code == 403
    assert titles(browser) == []


def test_what_people_write_is_escaped_everywhere(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    address = write_note(browser, SCRIPT, f"</textarea>{SCRIPT}")

    for path in ("/notes", address, f"{address}/edit"):
        answer = browser.get(path)
        read_page(answer)
        assert "<script" not in answer.text
        assert "&lt;script&gt;" in answer.text
    assert read_page(browser.get(f"{address}/edit")).forms[f"{address}/edit"]["body"] == f"</textarea>{SCRIPT}"


def test_cursor_that_is_not_ours_is_refused(client: TestClient, ada: User) -> None:
    assert open_browser(client, ada).get("/notes?cursor=x").status_code == 422


def test_of_many_who_save_at_once_one_wins(client: TestClient, ada: User) -> None:
    browser = open_browser(client, ada)
    address = write_note(browser)
    form = read_page(browser.get(f"{address}/edit")).forms[f"{address}/edit"]

    def save(number: int) -> int:
        return browser.post(f"{address}/edit", data={**form, "body": f"Saved by {number}"}).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(save, range(8)))

    assert sorted(statuses) == [303, *[412] * 7]
    assert f"Saved by {statuses.index(303)}" in browser.get(address).text
