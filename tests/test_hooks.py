"""The hooks' rules, called as functions."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.post_gen_project import (
    drop_unknown_origin,
    next_steps,
    place_licence,
    prune,
    unowned_paths,
)
from hooks.pre_gen_project import LONGEST, refusal, suggest_slug
from tests.baking import PROJECT, TEMPLATE

ANSWERS = {
    "project_name": "My Project",
    "project_slug": "my_project",
    "description": "What it is for.",
    "author": "Ada",
}
BAD_SLUGS = {
    "": "my_project",
    " ": "my_project",
    "class": "my_class",
    "json": "my_json",
    "con": "my_con",
    "com1": "my_com1",
    "3d_shop": "my_3d_shop",
    "_shop": "shop",
    "Shop": "shop",
    "my-shop": "my_shop",
    "my shop": "my_shop",
    "shop\n": "shop",
    "café": "caf",
    "店": "my_project",
    "../shop": "shop",
    "/srv/shop": "srv_shop",
    "a/b": "a_b",
    "a\\b": "a_b",
    ".": "my_project",
    "..": "my_project",
    "~": "my_project",
    "shop;rm": "shop_rm",
    "$(id)": "id",
    "{{x}}": "x",
    "a" * 51: "a" * 47,
}


@pytest.mark.parametrize(("slug", "instead"), BAD_SLUGS.items(), ids=repr)
def test_a_bad_slug_is_refused_with_a_good_one(slug: str, instead: str) -> None:
    sentence = refusal({**ANSWERS, "project_slug": slug})

    assert sentence is not None
    assert sentence.startswith("project_slug ")
    assert sentence.endswith(f": write project_slug={instead} instead.")


@pytest.mark.parametrize("slug", ["my_project", "shop", "shop2", "a", "app", "match", "a" * 50])
def test_a_good_slug_is_accepted(slug: str) -> None:
    assert refusal({**ANSWERS, "project_slug": slug}) is None


@given(st.text())
def test_a_suggested_slug_is_accepted(slug: str) -> None:
    assert refusal({**ANSWERS, "project_slug": suggest_slug(slug)}) is None


@pytest.mark.parametrize("key", ["project_name", "description", "author"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("  ", id="blank"),
        pytest.param('Say "hello"', id="double-quotes"),
        pytest.param("C:\\shop", id="backslash"),
        pytest.param("{{ cookiecutter.author }}", id="braces"),
        pytest.param("two\nlines", id="line-break"),
        pytest.param("two\u2028lines", id="line-separator"),
        pytest.param("nul\0", id="nul"),
        pytest.param("\x1b[31mred", id="color"),
        pytest.param("\u202eright to left", id="bidirectional"),
        pytest.param("\ud800", id="surrogate"),
        pytest.param("a" * 201, id="too-long"),
    ],
)
def test_a_text_that_would_break_a_file_is_refused(key: str, text: str) -> None:
    sentence = refusal({**ANSWERS, key: text})

    assert sentence is not None
    assert sentence.startswith(f"{key} ")
    assert ": write " in sentence


@pytest.mark.parametrize(
    "text", ["O'Reilly & Söhne <b>", "店の予約", "100 % `sure`; $HOME #1", "🚀"]
)
def test_a_text_of_any_language_is_accepted(text: str) -> None:
    assert refusal({**ANSWERS, "project_name": text, "description": text, "author": text}) is None


def test_the_longest_texts_are_accepted() -> None:
    longest = {key: "a" * length for key, length in LONGEST.items()}

    assert refusal(longest) is None


def test_a_path_goes_when_every_option_that_lists_it_is_off() -> None:
    owned = {"pages": ["web", "home.py"], "admin": ["web", "admin"]}

    def unowned(*, pages: bool, admin: bool) -> set[str]:
        return unowned_paths({"_owned_paths": owned, "pages": pages, "admin": admin})

    assert unowned(pages=True, admin=True) == set()
    assert unowned(pages=False, admin=True) == {"home.py"}
    assert unowned(pages=True, admin=False) == {"admin"}
    assert unowned(pages=False, admin=False) == {"web", "home.py", "admin"}


def test_prune_deletes_files_folders_and_what_they_leave_empty(tmp_path: Path) -> None:
    for name in ("app/main.py", "app/web/home.py", "app/web/static/a.css", "deploy/x/y/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    prune(tmp_path, {"app/web", "app/web/home.py", "deploy/x/y/z"})

    assert sorted(tmp_path.rglob("*")) == [tmp_path / "app", tmp_path / "app/main.py"]


def test_every_licence_has_a_text_that_is_kept_as_the_only_one(tmp_path: Path) -> None:
    choices = json.loads((TEMPLATE / "cookiecutter.json").read_text())["license"]

    assert sorted(choices) == sorted(path.name for path in (PROJECT / "licenses").iterdir())
    for licence in choices:
        (tmp_path / "licenses").mkdir()
        for choice in choices:
            (tmp_path / "licenses" / choice).write_text(choice)
        place_licence(tmp_path, licence)
        assert [path.name for path in tmp_path.iterdir()] == ["LICENSE"]
        assert (tmp_path / "LICENSE").read_text() == licence


@pytest.mark.parametrize(("commit", "kept"), [("", False), ("4b825dc", True)])
def test_the_origin_is_kept_when_it_is_known(tmp_path: Path, commit: str, *, kept: bool) -> None:
    (tmp_path / ".cruft.json").write_text(json.dumps({"commit": commit}))

    drop_unknown_origin(tmp_path)

    assert (tmp_path / ".cruft.json").exists() is kept


def test_every_owned_path_is_in_the_project() -> None:
    owned = json.loads((TEMPLATE / "cookiecutter.json").read_text())["_owned_paths"]

    missing = [path for paths in owned.values() for path in paths if not (PROJECT / path).exists()]

    assert missing == []


def test_the_next_steps_are_three_lines() -> None:
    assert len(next_steps("my_project").splitlines()) == 3
