"""Any form and any URL of the admin returns no 5xx, and a rejected form shows the input again.

test_fuzz.py copies this file into a project with the resources of `tests/every_kind.py`.
"""

import csv
import io
import json
from html import unescape
from uuid import UUID, uuid4

import pytest
from app.accounts.models import User
from httpx2 import Response
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.admin.browser import csrf_token, page_text
from tests.admin.factories import add_book, add_row, models
from tests.web.browser import open_browser

SOME = settings(
    max_examples=60,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
)
GOOD = {
    "name": "Pin",
    "body": "Small",
    "slug": "pin",
    "mail": "ada@example.com",
    "phone": "+436601234567",
    "site": "https://example.com/",
    "count": "3",
    "big": "4",
    "ratio": "0.5",
    "price": "9.50",
    "open": "true",
    "day": "2026-02-28",
    "moment": "2026-02-28T12:00",
    "hour": "12:00",
    "span": "1h 30m",
    "code": "0198c0de-0000-7000-8000-000000000000",
    "state": "draft",
    "words": "one",
    "facts": '{"a": 1}',
}
OPTIONAL = [
    *("name1", "body1", "mail1", "phone1", "site1", "count1", "big1", "ratio1", "price1"),
    *(
        "open1",
        "day1",
        "moment1",
        "hour1",
        "span1",
        "code1",
        "state1",
        "numbers",
        "facts1",
        "maker",
        "labels",
        "above",
    ),
]
SHOW_INVALID = {"count", "big", "ratio", "price", "day", "moment", "hour", "span", "facts"}
"""Fields that show invalid input again."""
OTHERS = ["owner", "id", "version", "_version", "created_at", "pk", "_continue_editing", "x", ""]
LOOKUPS = [
    "eq",
    "neq",
    "contains",
    "startswith",
    "between",
    "gt",
    "lte",
    "in",
    "is_null",
    "is_true",
    "x",
]

NASTY = [
    *(
        "",
        " ",
        "\x00",
        "a\x00b",
        "\ud7ff\ue000\ufffd\uffff",
        "\u202e",
        "٣",
        "null",
        "none",
        "true",
        "True",
    ),
    *(
        "NaN",
        "Infinity",
        "-inf",
        "1e400",
        "-1e-400",
        "9" * 5000,
        "1" * 400,
        "1_0",
        "0x1",
        " 7 ",
        "1.5",
        "-0",
    ),
    *(
        str(2**31),
        str(-(2**63) - 1),
        "2**8",
        "1e9999999",
        "=1+1",
        "'\"><b>",
        "{{ 7 }}",
        "%",
        "_",
        "\\",
    ),
    *(
        "0001-01-01",
        "9999-12-31",
        "2026-02-30",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00+14:00",
    ),
    *(
        "24:00",
        "12:00+02:00",
        "12:00:00.123456789",
        "2026-W01",
        str(UUID(int=0)),
        "{" + str(UUID(int=1)) + "}",
    ),
    *(
        '{"a": "\\ud800"}',
        '{"\\udc00": 1}',
        '{"a": NaN}',
        '{"a": 1e400}',
        '{"a": "\\u0000"}',
        "[1]",
        '"a"',
    ),
    *(
        "{" * 2000,
        "[" * 20_000,
        "[" * 900 + "]" * 900,
        '{"a": ' + "9" * 5000 + "}",
        "x" * 60_000,
        "draft ",
    ),
]
texts = st.sampled_from(NASTY) | st.text(max_size=20)
names = st.sampled_from([*GOOD, *OPTIONAL, *OTHERS])
changes = st.dictionaries(names, st.lists(texts, max_size=3), max_size=4)
kinds = st.sampled_from(["multipart", "urlencoded", "files"])


class Sender:
    """A client of the admin."""

    def __init__(self, browser: TestClient) -> None:
        self.browser = browser
        self.headers = {"X-CSRFToken": csrf_token(browser)}

    def create(self, view: str, **fields: str) -> str:
        """Create a row, and return its ID."""
        path = f"/admin/{view}/create"
        response = self.browser.post(
            path, data={**fields, "_continue_editing": ""}, headers=self.headers
        )
        assert response.status_code == 303, page_text(response)
        return str(response.headers["Location"]).partition("pk=")[2]

    def post(self, path: str, pairs: list[tuple[str, str]], kind: str) -> Response:
        """Submit a form."""
        if kind == "urlencoded":
            fields: dict[str, list[str]] = {}
            for name, value in pairs:
                fields.setdefault(name, []).append(value)
            response = self.browser.post(path, data=fields, headers=self.headers)
        else:
            parts = [
                (n, ("a.txt" if kind == "files" and n in OPTIONAL else None, v.encode()))
                for n, v in pairs
            ]
            response = self.browser.post(path, files=parts, headers=self.headers)
        assert response.status_code < 500, (path, pairs, page_text(response)[-1000:])
        return response

    def get(self, path: str, query: list[tuple[str, str]]) -> Response:
        """Get a page."""
        response = self.browser.get(path, params=query)
        assert response.status_code < 500, (path, query)
        return response


class Admin(Sender):
    """A client with valid form data."""

    def __init__(self, client: TestClient, admin: User) -> None:
        super().__init__(open_browser(client, admin))
        maker = self.create("maker", name="Ada", owner=str(admin.id))
        label = self.create("label", name="Novel")
        self.good = GOOD | {"maker": maker, "labels": label, "owner": str(admin.id)}
        self.thing = self.create("thing", **self.good)


@pytest.fixture
def admin_site(client: TestClient, admin: User) -> Admin:
    """Return a client that is signed in as an admin."""
    return Admin(client, admin)


def shown_again(response: Response, pairs: list[tuple[str, str]]) -> None:
    """Check that a rejected form shows the input."""
    page = unescape(response.text).replace("\r\n", "\n")
    for name, value in pairs:
        typed = value.strip().replace("\r\n", "\n")
        once = [n for n, _ in pairs].count(name) == 1
        if once and (
            name in {"name", "body", "slug", "mail"}
            or (name in SHOW_INVALID and not _is_valid(name, typed))
        ):
            assert typed in page, (name, value)


def _is_valid(name: str, typed: str) -> bool:
    """Return whether a field can show an equal value in another form, such as 7 for 007."""
    if name == "facts":
        return _is_json(typed)
    return any(c.isdigit() for c in typed) or typed.lower().strip("+-") in {
        "nan",
        "snan",
        "inf",
        "infinity",
        "",
    }


def _is_json(typed: str) -> bool:
    try:
        json.loads(typed)
    except (ValueError, RecursionError):
        return False
    return True


@SOME
@given(st.data())
def _forms(admin: Admin, data: st.DataObject) -> None:
    changed = data.draw(changes)
    base: dict[str, list[str]] = {name: [value] for name, value in admin.good.items()}
    pairs = [(name, value) for name, values in (base | changed).items() for value in values]
    page = data.draw(st.sampled_from(["create", f"edit?pk={admin.thing}"]))
    if page != "create" and "_version" not in changed:
        shown = admin.browser.get(f"/admin/thing/{page}").text
        pairs.append(("_version", shown.partition('name="_version" value="')[2].partition('"')[0]))

    response = admin.post(f"/admin/thing/{page}", pairs, data.draw(kinds))

    assert response.status_code in {303, 400, 422}
    if response.status_code == 422:
        shown_again(response, pairs)


def test_forms(admin_site: Admin) -> None:
    _forms(admin_site)


conditions = st.builds(
    lambda name, lookup, value: f"{name}__{lookup}={value[:3000]}",
    names,
    st.sampled_from(LOOKUPS),
    texts,
)
filters = (
    conditions
    | texts.map(lambda text: text[:3000])
    | st.lists(conditions, min_size=1, max_size=3).map(lambda parts: f"({' AND '.join(parts)})")
    | st.lists(conditions, min_size=1, max_size=3).map(lambda parts: f"or({','.join(parts)})")
)
query_texts = texts.filter(lambda text: len(text) < 3000)
list_queries = st.lists(
    st.tuples(st.just("filter"), filters)
    | st.tuples(
        st.just("sort"),
        st.builds(lambda name, way: f"{name}__{way}", names, st.sampled_from(["asc", "desc", "x"])),
    )
    | st.tuples(
        st.sampled_from(
            ["q", "page", "page_size", "cols", "pk", "pks", "skip", "limit", "_origin", "x"]
        ),
        query_texts,
    ),
    max_size=4,
)


@SOME
@given(st.data())
def _pages(admin: Admin, data: st.DataObject) -> None:
    path = data.draw(
        st.sampled_from(
            [
                "thing/list",
                "thing/detail",
                "thing/edit",
                "thing/create",
                "_api/thing/relation-lookup",
                "",
                "x/list",
            ]
        )
    )
    admin.get(f"/admin/{path}", data.draw(list_queries))


def test_pages(admin_site: Admin) -> None:
    _pages(admin_site)


@SOME
@given(st.data())
def _actions(admin: Admin, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["delete", "export", "view", "edit", "x", ""]))
    rows = data.draw(st.lists(query_texts | st.just(str(uuid4())), max_size=3))
    which = data.draw(st.sampled_from(["action", "row-action", "inline-edit", "import"]))
    query = [("name", name), *(("pks", row) for row in rows), *(("pk", row) for row in rows)]
    query += data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["all", "_list_query", "_origin", "field"]),
                query_texts | st.just("1"),
            ),
            max_size=3,
        )
    )
    path = admin.browser.build_request(
        "POST", f"/admin/_api/thing/{which}", params=query
    ).url.raw_path.decode()
    form = [
        ("format", data.draw(st.sampled_from(["csv", "json", "xlsx", "x"]))),
        ("scope", data.draw(st.sampled_from(["page", "selected"]))),
    ]
    form += [
        (key, value)
        for key, values in data.draw(
            st.dictionaries(
                st.sampled_from(["fields", "filename", "file", "x"]), st.lists(texts, max_size=2)
            )
        ).items()
        for value in values
    ]

    admin.post(path, form, data.draw(kinds))


def test_actions(admin_site: Admin) -> None:
    _actions(admin_site)


@SOME
@given(st.data())
def _imports(admin: Admin, data: st.DataObject) -> None:
    cells = {
        **admin.good,
        **{name: (values or [""])[0] for name, values in data.draw(changes).items()},
    }
    file = io.StringIO()
    csv.writer(file).writerows([[*cells], *[[*cells.values()]] * data.draw(st.integers(0, 2))])
    content = (
        file.getvalue().encode() if data.draw(st.booleans()) else data.draw(st.binary(max_size=50))
    )

    response = admin.browser.post(
        "/admin/_api/thing/import",
        params={"preview": data.draw(st.sampled_from(["0", "1"]))},
        data={"format": "csv"},
        files={"file": ("a.csv", content)},
        headers=admin.headers,
    )

    assert response.status_code in {200, 400}
    assert "An error occurred while importing" not in response.text


def test_imports(admin_site: Admin) -> None:
    _imports(admin_site)


inline_rows = st.dictionaries(
    st.builds(
        lambda index, name: f"inlines.copy.{index}.{name}",
        st.sampled_from(["0", "1", "7", "²", "-1", "9" * 5000, "x"]),
        st.sampled_from(["shelf", "lent", "book", "pk", "_version", "DELETE", "id", "x"]),
    ),
    st.lists(texts | st.just("1"), max_size=2),
    max_size=8,
)


@SOME
@given(inline_rows, st.sampled_from(["ours", "other"]), kinds)
def _inlines(
    sender: Sender, ids: dict[str, str], rows: dict[str, list[str]], whose: str, kind: str
) -> None:
    pairs = [("title", "Mine"), ("_version", "1"), ("inlines.copy.0.pk", ids[whose])]
    pairs += [(name, value) for name, values in rows.items() for value in values]

    sender.post(f"/admin/shelf/edit?pk={ids['book']}", pairs, kind)


def test_inlines(library: TestClient) -> None:
    book, other = (add_book(library, title) for title in ("Mine", "Other"))
    copies = [add_row(library, models().Copy(book_id=row.id, shelf="A")) for row in (book, other)]

    _inlines(
        Sender(library),
        {"book": str(book.id), "ours": str(copies[0].id), "other": str(copies[1].id)},
    )


@pytest.mark.parametrize("view", ["user", "role"])
def test_accounts(admin_site: Admin, admin: User, view: str) -> None:
    shown = {
        "user": ["email", "password", "display_name", "is_active", "roles"],
        "role": ["name", "permissions"],
    }

    @settings(SOME, max_examples=20)
    @given(
        st.dictionaries(st.sampled_from(shown[view]), st.lists(texts, max_size=3)),
        st.booleans(),
        kinds,
    )
    def send(fields: dict[str, list[str]], edits: bool, kind: str) -> None:  # noqa: FBT001
        pairs = [(name, value) for name, values in fields.items() for value in values]
        admin_site.post(
            f"/admin/{view}/edit?pk={admin.id}" if edits else f"/admin/{view}/create", pairs, kind
        )

    send()
