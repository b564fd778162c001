"""The functions of the hooks."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.post_gen_project import (
    drop_unknown_origin,
    next_steps,
    place_license,
    prune,
    unowned_paths,
)
from hooks.pre_gen_project import MAX_LENGTH, suggest_slug, validation_error
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
def test_invalid_slug_is_rejected_with_a_suggestion(slug: str, instead: str) -> None:
    message = validation_error({**ANSWERS, "project_slug": slug})

    assert message is not None
    assert message.startswith("project_slug ")
    assert message.endswith(f": use project_slug={instead}.")


@pytest.mark.parametrize("slug", ["my_project", "shop", "shop2", "a", "app", "match", "a" * 50])
def test_valid_slug_is_accepted(slug: str) -> None:
    assert validation_error({**ANSWERS, "project_slug": slug}) is None


@given(st.text())
def test_suggested_slug_is_accepted(slug: str) -> None:
    assert validation_error({**ANSWERS, "project_slug": suggest_slug(slug)}) is None


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
def test_text_that_would_break_a_file_is_rejected(key: str, text: str) -> None:
    message = validation_error({**ANSWERS, key: text})

    assert message is not None
    assert message.startswith(f"{key} ")
    assert re.search(r": (enter|remove|use) ", message)


@pytest.mark.parametrize(
    "text", ["O'Reilly & Söhne <b>", "店の予約", "100 % `sure`; $HOME #1", "🚀"]
)
def test_text_in_any_language_is_accepted(text: str) -> None:
    assert (
        validation_error({**ANSWERS, "project_name": text, "description": text, "author": text})
        is None
    )


def test_texts_of_maximum_length_are_accepted() -> None:
    longest = {key: "a" * length for key, length in MAX_LENGTH.items()}

    assert validation_error(longest) is None


def test_path_is_deleted_if_all_options_that_own_it_are_off() -> None:
    owned = {"pages or admin": ["web"], "pages": ["home.py"], "admin": ["admin"]}

    def unowned(*, pages: bool, admin: bool) -> list[str]:
        return unowned_paths({"_owned_paths": owned, "pages": pages, "admin": admin})

    assert unowned(pages=True, admin=True) == []
    assert unowned(pages=False, admin=True) == ["home.py"]
    assert unowned(pages=True, admin=False) == ["admin"]
    assert unowned(pages=False, admin=False) == ["web", "home.py", "admin"]


def test_prune_deletes_files_directories_and_empty_parents(tmp_path: Path) -> None:
    for name in ("app/main.py", "app/web/home.py", "app/web/static/a.css", "deploy/x/y/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    prune(tmp_path, ["app/web", "app/web/home.py", "deploy/*/y/z", "missing"])

    assert sorted(tmp_path.rglob("*")) == [tmp_path / "app", tmp_path / "app/main.py"]


def test_only_the_chosen_license_remains(tmp_path: Path) -> None:
    choices = json.loads((TEMPLATE / "cookiecutter.json").read_text())["license"]

    assert sorted(choices) == sorted(path.name for path in (PROJECT / "licenses").iterdir())
    for name in choices:
        (tmp_path / "licenses").mkdir()
        for choice in choices:
            (tmp_path / "licenses" / choice).write_text(choice)
        place_license(tmp_path, name)
        assert [path.name for path in tmp_path.iterdir()] == ["LICENSE"]
        assert (tmp_path / "LICENSE").read_text() == name


@pytest.mark.parametrize(("commit", "kept"), [("", False), ("4b825dc", True)])
def test_unknown_origin_is_deleted(tmp_path: Path, commit: str, *, kept: bool) -> None:
    (tmp_path / ".cruft.json").write_text(json.dumps({"commit": commit}))

    drop_unknown_origin(tmp_path)

    assert (tmp_path / ".cruft.json").exists() is kept


def test_every_owned_path_exists() -> None:
    owned = json.loads((TEMPLATE / "cookiecutter.json").read_text())["_owned_paths"]

    missing = [path for paths in owned.values() for path in paths if not any(PROJECT.glob(path))]

    assert missing == []


def test_next_steps_are_three_lines() -> None:
    assert len(next_steps("my_project").splitlines()) == 3
