"""The blogging API: addresses, JSON and errors as its clients expect them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.query_counts import capture_queries, count_queries
from tests.support import PASSWORD, another_client, new_user_id, with_token

TEA = {"title": "Tea & coffee", "description": "Hot drinks", "body": "Boil water.", "tagList": ["tea", "drinks"]}
SLUG = "tea-coffee"

Register = Callable[[str], TestClient]


@pytest.fixture
def register(client: TestClient) -> Register:
    """Return a function that registers a user and returns their client."""

    def sign_up(name: str) -> TestClient:
        sent = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        response = client.post("/api/users", json={"user": sent})
        assert response.status_code == 201, response.text
        return another_client(client, Authorization=f"Token {response.json()['user']['token']}")

    return sign_up


@pytest.fixture
def jane(register: Register) -> TestClient:
    return register("jane")


@pytest.fixture
def john(register: Register) -> TestClient:
    return register("john")


def publish(author: TestClient, **fields: Any) -> dict[str, Any]:
    response = author.post("/api/articles", json={"article": {**TEA, **fields}})
    assert response.status_code == 201, response.text
    article: dict[str, Any] = response.json()["article"]
    return article


def with_bearer_token(caller: TestClient) -> TestClient:
    """Return a client for the generated API, which doesn't know the other scheme."""
    return with_token(caller, caller.headers["Authorization"].removeprefix("Token "))


def titles(response: Any) -> tuple[list[str], int]:
    """Return the titles of a page of articles, and how many there are on all pages."""
    assert response.status_code == 200, response.text
    page = response.json()
    return [article["title"] for article in page["articles"]], page["articlesCount"]


def failed(response: Any) -> tuple[int, list[str]]:
    """Return the status of an error and what its messages are about."""
    assert list(response.json()) == ["errors"]
    assert all(messages and all(messages) for messages in response.json()["errors"].values())
    return response.status_code, list(response.json()["errors"])


# Users


def test_user_registers_and_signs_in(client: TestClient, jane: TestClient) -> None:
    user = {"email": "jane@example.org", "username": "jane", "bio": None, "image": None}

    shown = jane.get("/api/user").json()["user"]
    signed_in = client.post("/api/users/login", json={"user": {"email": "jane@example.org", "password": PASSWORD}})

    assert {**shown, "token": ""} == {**user, "token": ""}
    assert jane.headers["Authorization"] == f"Token {shown['token']}"
    again = another_client(client, Authorization=f"Token {signed_in.json()['user']['token']}")
    assert again.get("/api/user").json()["user"]["username"] == "jane"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"username": "jane"}, (409, ["username"])),
        ({"email": "JANE@example.org"}, (409, ["body"])),
        ({"email": "nobody"}, (422, ["email"])),
        ({"username": ""}, (422, ["username"])),
        ({"username": "a\x00b"}, (422, ["username"])),
        ({"password": "short"}, (422, ["body"])),
        ({"admin": True}, (422, ["admin"])),
    ],
)
@pytest.mark.usefixtures("jane")
def test_invalid_registration_is_rejected(client: TestClient, changed: dict[str, Any], expected: object) -> None:
    sent = {"username": "june", "email": "june@example.org", "password": PASSWORD, **changed}

    assert failed(client.post("/api/users", json={"user": sent})) == expected
    assert client.get("/api/profiles/june").status_code == 404


@pytest.mark.usefixtures("jane")
def test_wrong_password_is_rejected(client: TestClient) -> None:
    for email in ("jane@example.org", "nobody@example.org"):
        response = client.post("/api/users/login", json={"user": {"email": email, "password": f"{PASSWORD}x"}})

        assert failed(response) == (401, ["body"])


def test_user_changes_their_profile(jane: TestClient, client: TestClient) -> None:
    changes = {"bio": "Writes.", "image": "https://example.org/jane.png", "username": "janet"}

    changed = jane.put("/api/user", json={"user": {**changes, "email": "jane@example.org"}})

    assert changed.status_code == 200, changed.text
    assert changed.json()["user"].items() >= changes.items()
    assert client.get("/api/profiles/janet").json()["profile"] == {**changes, "following": False}
    assert client.get("/api/profiles/jane").status_code == 404
    assert jane.put("/api/user", json={"user": {"bio": None}}).json()["user"]["bio"] is None


@pytest.mark.usefixtures("john")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"username": "john"}, (409, ["username"])),
        ({"image": "no url"}, (422, ["image"])),
        ({"email": "other@example.org"}, (422, ["body"])),
        ({"password": "another long password"}, (422, ["password"])),
    ],
)
def test_invalid_change_of_the_user_is_rejected(jane: TestClient, changes: dict[str, Any], expected: object) -> None:
    before = jane.get("/api/user").json()

    assert failed(jane.put("/api/user", json={"user": {"bio": "New", **changes}})) == expected
    assert jane.get("/api/user").json() == before


@pytest.mark.parametrize("authorization", ["Token", "Token x", "Basic eDp5", "Bearer x"])
def test_invalid_token_is_rejected(client: TestClient, jane: TestClient, authorization: str) -> None:
    publish(jane)
    caller = another_client(client, Authorization=authorization)

    assert failed(caller.get("/api/user")) == (401, ["body"])
    readable = authorization in {"Token", "Basic eDp5"}  # without a token, the caller is a visitor
    assert caller.get(f"/api/articles/{SLUG}").status_code == (200 if readable else 401)


def test_session_of_the_website_has_the_same_account(ada: User, as_ada: TestClient) -> None:
    assert as_ada.get("/api/user").json()["user"]["email"] == ada.email
    assert as_ada.get("/api/user").json()["user"]["username"] is None


# Profiles


def test_user_follows_and_unfollows(client: TestClient, jane: TestClient, john: TestClient) -> None:
    for method, following in (("POST", True), ("POST", True), ("DELETE", False), ("DELETE", False)):
        response = john.request(method, "/api/profiles/jane/follow")

        assert response.status_code == 200, response.text
        assert response.json()["profile"]["following"] is following
        assert john.get("/api/profiles/jane").json() == response.json()
        for other in (client, jane):
            assert other.get("/api/profiles/jane").json()["profile"]["following"] is False


def test_following_oneself_and_nobody(jane: TestClient) -> None:
    assert jane.delete("/api/profiles/jane/follow").json()["profile"]["following"] is False
    for method in ("POST", "DELETE"):
        assert failed(jane.request(method, "/api/profiles/nobody/follow")) == (404, ["body"])


def test_profile_of_a_disabled_user_is_not_found(client: TestClient) -> None:
    new_user_id(client, username="gone", is_active=False)

    assert failed(client.get("/api/profiles/gone")) == (404, ["body"])


# Articles


def test_article_is_published(client: TestClient, jane: TestClient) -> None:
    article = publish(jane)

    assert client.get(f"/api/articles/{SLUG}").json() == {"article": article}
    assert article["createdAt"] <= article["updatedAt"]
    assert {name: article[name] for name in TEA} == {**TEA, "tagList": ["drinks", "tea"]}
    assert (article["slug"], article["favorited"], article["favoritesCount"]) == (SLUG, False, 0)
    assert article["author"] == {"username": "jane", "bio": None, "image": None, "following": False}


def test_titles_that_are_the_same_or_reserved_get_other_slugs(jane: TestClient) -> None:
    slugs = [publish(jane, title=title)["slug"] for title in ("Feed", "Tea", "Tea", "New")]

    assert len({*slugs, "feed", "new"}) == 6
    assert all(jane.get(f"/api/articles/{slug}").status_code == 200 for slug in slugs)


@pytest.mark.parametrize("missing", ["title", "description", "body"])
def test_article_without_a_text_is_rejected(jane: TestClient, missing: str) -> None:
    for article in ({**TEA, missing: ""}, {name: text for name, text in TEA.items() if name != missing}):
        assert failed(jane.post("/api/articles", json={"article": article})) == (422, [missing])
    assert titles(jane.get("/api/articles")) == ([], 0)
    assert jane.get("/api/tags").json() == {"tags": []}


def test_author_changes_an_article(client: TestClient, jane: TestClient) -> None:
    before = publish(jane)

    changed = jane.put(f"/api/articles/{SLUG}", json={"article": {"title": "Tea", "tagList": ["hot"]}})

    assert changed.status_code == 200, changed.text
    article = changed.json()["article"]
    assert article["updatedAt"] > before["updatedAt"]
    changes = {"title": "Tea", "tagList": ["hot"], "updatedAt": article["updatedAt"]}
    assert article == {**before, **changes}
    assert client.get(f"/api/articles/{SLUG}").json() == changed.json()
    assert jane.put(f"/api/articles/{SLUG}", json={"article": {"body": "Wait."}}).json()["article"]["tagList"] == [
        "hot"
    ]


def test_only_the_author_writes(client: TestClient, jane: TestClient, john: TestClient) -> None:
    article = publish(jane)
    change = {"article": {"title": "Mine"}}

    assert failed(john.put(f"/api/articles/{SLUG}", json=change)) == (403, ["body"])
    assert failed(john.delete(f"/api/articles/{SLUG}")) == (403, ["body"])
    assert failed(client.put(f"/api/articles/{SLUG}", json=change)) == (401, ["body"])
    assert failed(client.delete(f"/api/articles/{SLUG}")) == (401, ["body"])
    assert client.get(f"/api/articles/{SLUG}").json()["article"] == article


def test_unknown_slug_is_not_found(jane: TestClient) -> None:
    path, body = "/api/articles/nothing", {"article": {}, "comment": {"body": "Hi"}}

    for method, rest in [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/favorite"),
        ("DELETE", "/favorite"),
        ("GET", "/comments"),
        ("POST", "/comments"),
        ("DELETE", "/comments/01930000-0000-7000-8000-000000000000"),
    ]:
        name = "comment" if rest == "/comments" else "article"
        sent = {name: body[name]} if method in {"PUT", "POST"} else None
        assert failed(jane.request(method, path + rest, json=sent)) == (404, ["body"]), (method, rest)


def test_deleted_article_takes_comments_and_favorites_along(jane: TestClient, john: TestClient) -> None:
    publish(jane)
    publish(jane, title="Other", tagList=[])
    john.post(f"/api/articles/{SLUG}/favorite")
    john.post(f"/api/articles/{SLUG}/comments", json={"comment": {"body": "Nice"}})

    assert jane.delete(f"/api/articles/{SLUG}").status_code == 204

    assert failed(john.get(f"/api/articles/{SLUG}")) == (404, ["body"])
    assert titles(john.get("/api/articles")) == (["Other"], 1)
    assert titles(john.get("/api/articles", params={"favorited": "john"})) == ([], 0)
    assert with_bearer_token(john).get("/api/v1/favorites").json()["items"] == []


# Lists


def test_articles_are_filtered_and_paged(client: TestClient, jane: TestClient, john: TestClient) -> None:
    for number in range(1, 6):
        publish(jane if number % 2 else john, title=f"No. {number}", tagList=["odd" if number % 2 else "even"])
    john.post("/api/articles/no-1/favorite")
    john.post("/api/articles/no-4/favorite")

    cases: list[tuple[dict[str, Any], object]] = [
        ({}, (["No. 5", "No. 4", "No. 3", "No. 2", "No. 1"], 5)),
        ({"limit": 2}, (["No. 5", "No. 4"], 5)),
        ({"limit": 2, "offset": 4}, (["No. 1"], 5)),
        ({"offset": 5}, ([], 5)),
        ({"tag": "even"}, (["No. 4", "No. 2"], 2)),
        ({"tag": "none"}, ([], 0)),
        ({"author": "jane"}, (["No. 5", "No. 3", "No. 1"], 3)),
        ({"author": "nobody"}, ([], 0)),
        ({"favorited": "john"}, (["No. 4", "No. 1"], 2)),
        ({"favorited": "jane"}, ([], 0)),
        ({"favorited": "john", "author": "jane", "tag": "odd", "limit": 1}, (["No. 1"], 1)),
    ]
    for params, expected in cases:
        assert titles(client.get("/api/articles", params=params)) == expected, params
    assert "body" not in client.get("/api/articles").json()["articles"][0]


@pytest.mark.parametrize(
    ("params", "field"),
    [({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"offset": -1}, "offset"), ({"colour": "red"}, "colour")],
)
def test_invalid_parameter_is_rejected(client: TestClient, params: dict[str, Any], field: str) -> None:
    assert failed(client.get("/api/articles", params=params)) == (422, [field])


@pytest.mark.parametrize("name", ["tag", "author", "favorited"])
def test_text_that_no_database_stores_is_rejected(client: TestClient, name: str) -> None:
    assert failed(client.get("/api/articles", params={name: "a\x00b"})) == (422, [name])


def test_feed_has_the_articles_of_followed_authors(jane: TestClient, john: TestClient, register: Register) -> None:
    june = register("june")
    for number, author in enumerate([jane, john, june, jane], start=1):
        publish(author, title=f"No. {number}")
    assert titles(june.get("/api/articles/feed")) == ([], 0)

    june.post("/api/profiles/jane/follow")

    assert titles(june.get("/api/articles/feed")) == (["No. 4", "No. 1"], 2)
    assert titles(june.get("/api/articles/feed", params={"limit": 1, "offset": 1})) == (["No. 1"], 2)
    assert june.get("/api/articles/feed").json()["articles"][0]["author"]["following"] is True
    june.post("/api/profiles/john/follow")
    assert titles(june.get("/api/articles/feed")) == (["No. 4", "No. 2", "No. 1"], 3)
    june.delete("/api/profiles/jane/follow")
    assert titles(june.get("/api/articles/feed")) == (["No. 2"], 1)
    assert titles(john.get("/api/articles/feed")) == ([], 0)


def test_visitors_have_no_feed(client: TestClient) -> None:
    assert failed(client.get("/api/articles/feed")) == (401, ["body"])


def test_tags_are_listed_once(client: TestClient, jane: TestClient, john: TestClient) -> None:
    publish(jane, tagList=["tea", "drinks", "tea"])
    publish(john, tagList=["tea", "Été"])

    assert sorted(client.get("/api/tags").json()["tags"]) == ["drinks", "tea", "Été"]


@pytest.mark.parametrize("tags", [[""], ["x" * 51], ["a\x00b"], [1], "tea"])
def test_invalid_tag_is_rejected(jane: TestClient, tags: object) -> None:
    status, _ = failed(jane.post("/api/articles", json={"article": {**TEA, "tagList": tags}}))

    assert status == 422
    assert jane.get("/api/tags").json() == {"tags": []}


# Favorites and comments


def test_article_is_a_favorite_once_per_user(client: TestClient, jane: TestClient, john: TestClient) -> None:
    publish(jane)
    path = f"/api/articles/{SLUG}/favorite"

    for caller, method, count in [
        (john, "POST", 1),
        (john, "POST", 1),
        (jane, "POST", 2),
        (john, "DELETE", 1),
        (john, "DELETE", 1),
    ]:
        response = caller.request(method, path)

        assert response.status_code == 200, response.text
        article = response.json()["article"]
        assert (article["favorited"], article["favoritesCount"]) == (method == "POST", count)
    assert client.get(f"/api/articles/{SLUG}").json()["article"]["favoritesCount"] == 1
    assert failed(client.post(path)) == (401, ["body"])


def test_requests_at_once_make_one_favorite_and_one_tag(jane: TestClient) -> None:
    publish(jane, tagList=[])

    def ask(number: int) -> tuple[int, int]:
        favorite = jane.post(f"/api/articles/{SLUG}/favorite")
        article = jane.post("/api/articles", json={"article": {**TEA, "title": f"No. {number}"}})
        return favorite.status_code, article.status_code

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(ask, range(4))] == [(200, 201)] * 4

    assert jane.get(f"/api/articles/{SLUG}").json()["article"]["favoritesCount"] == 1
    assert jane.get("/api/tags").json()["tags"] == ["drinks", "tea"]


def test_comments_of_an_article(client: TestClient, jane: TestClient, john: TestClient) -> None:
    publish(jane)
    path = f"/api/articles/{SLUG}/comments"
    jane.post("/api/profiles/john/follow")

    added = [john.post(path, json={"comment": {"body": text}}) for text in ("First", "Second")]

    assert [response.status_code for response in added] == [201, 201]
    comments = [response.json()["comment"] for response in added]
    assert comments[0].keys() == {"id", "body", "createdAt", "updatedAt", "author"}
    assert client.get(path).json() == {"comments": comments[::-1]}
    assert {item["author"]["following"] for item in jane.get(path).json()["comments"]} == {True}
    assert failed(john.post(path, json={"comment": {"body": " "}})) == (422, ["body"])
    assert failed(client.post(path, json={"comment": {"body": "Hi"}})) == (401, ["body"])


def test_only_the_author_deletes_a_comment(client: TestClient, jane: TestClient, john: TestClient) -> None:
    publish(jane)
    publish(jane, title="Other")
    comments = f"/api/articles/{SLUG}/comments"
    path = f"{comments}/{john.post(comments, json={'comment': {'body': 'Hi'}}).json()['comment']['id']}"

    assert failed(client.delete(path)) == (401, ["body"])
    assert failed(jane.delete(path)) == (403, ["body"])
    assert failed(john.delete(path.replace(SLUG, "other"))) == (404, ["body"])
    assert failed(john.delete(f"{comments}/1")) == (422, ["comment_id"])
    assert john.delete(path).status_code == 204

    assert failed(john.delete(path)) == (404, ["body"])
    assert client.get(comments).json() == {"comments": []}


# All routes


def test_number_of_queries(client: TestClient, jane: TestClient, john: TestClient) -> None:
    for number in range(3):
        publish(jane, title=f"No. {number}")
        john.post(f"/api/articles/no-{number}/comments", json={"comment": {"body": "Hi"}})
    sent = {"email": "june@example.org", "password": PASSWORD}
    article, comments = "/api/articles/no-1", "/api/articles/no-1/comments"

    with capture_queries(client, jane, john) as requests:
        client.post("/api/users", json={"user": {**sent, "username": "june"}})
        client.post("/api/users/login", json={"user": sent})
        john.get("/api/user")
        john.put("/api/user", json={"user": {"bio": "Reads."}})
        john.get("/api/profiles/jane")
        john.post("/api/profiles/jane/follow")
        john.get("/api/articles")
        john.get("/api/articles/feed")
        john.delete("/api/profiles/jane/follow")
        jane.post("/api/articles", json={"article": TEA})
        john.get(article)
        jane.put(article, json={"article": {"body": "Changed."}})
        john.post(f"{article}/favorite")
        john.delete(f"{article}/favorite")
        comment = john.post(comments, json={"comment": {"body": "Hi"}}).json()["comment"]
        john.get(comments)
        john.delete(f"{comments}/{comment['id']}")
        jane.delete(article)
        john.get("/api/tags")

    assert count_queries(requests) == {
        "POST /api/users": 14,
        "POST /api/users/login": 12,
        "GET /api/user": 2,
        "PUT /api/user": 4,
        "GET /api/profiles/{username}": 2,
        "POST /api/profiles/{username}/follow": 4,
        "DELETE /api/profiles/{username}/follow": 4,
        "GET /api/articles": 4,
        "GET /api/articles/feed": 4,
        "POST /api/articles": 12,
        "GET /api/articles/{slug}": 5,
        "PUT /api/articles/{slug}": 8,
        "DELETE /api/articles/{slug}": 5,
        "POST /api/articles/{slug}/favorite": 8,
        "DELETE /api/articles/{slug}/favorite": 8,
        "GET /api/articles/{slug}/comments": 4,
        "POST /api/articles/{slug}/comments": 4,
        "DELETE /api/articles/{slug}/comments/{comment_id}": 3,
        "GET /api/tags": 2,
    }


def test_deleted_account_takes_its_articles_along(client: TestClient, jane: TestClient, john: TestClient) -> None:
    publish(jane)
    john.post("/api/profiles/jane/follow")
    john.post(f"/api/articles/{SLUG}/favorite")

    assert with_bearer_token(jane).delete("/api/v1/users/me").status_code == 204

    assert failed(client.get(f"/api/articles/{SLUG}")) == (404, ["body"])
    assert titles(john.get("/api/articles/feed")) == ([], 0)
    assert failed(jane.get("/api/user")) == (401, ["body"])
