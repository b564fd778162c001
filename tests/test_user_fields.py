"""`app add field User …` adds fields to accounts: API, pages, admin, sign-up, migration, tests."""

from pathlib import Path

import pytest

from tests.baking import Bake
from tests.serving import run_dev
from tests.test_scaffold import commit, database_of, git, installed, run_app

FIELDS = (
    "phone:phone:optional:signup plan:enum=free,pro:default=free:signup age:int:optional:min=0",
    "score:int:default=0:min=0:max=10 born:date:optional newsletter:bool:default=false",
    "username:str=40:optional:unique badge:int:optional:unique:min=1",
)
TESTS = [
    "tests/accounts/test_user_phone.py",
    "tests/accounts/test_user_score.py",
    "tests/accounts/test_user_username.py",
    "tests/database/test_migrations.py",
]
SHIPPED = [
    "tests/accounts/test_users.py",
    "tests/web/test_account.py",
    "tests/admin/views/test_users.py",
]
REFUSED = {
    "name:str=20": "name: existing users need a value: add optional or default=…",
    "email:email:optional": "email already exists",
    "password:str:optional": "password already exists",
    "login:str=3:optional": "login: the type Login already exists in accounts: choose another name",
    "x:ref=Note": (
        "x:ref=Note: ref is for resources: create one with owner_id, or with user:ref=User"
    ),
    "x:str:search": "x:str:search: fields of users don't support search: remove it",
    "x:str=40:optional:unique:signup": (
        "x: if it is unique, signing up would reveal who has an account: remove signup"
    ),
    "x:int:default=1:unique": "x:int:default=1:unique: a unique field can't have a default",
    "x:int --check 'x > 1'": (
        "fields of users don't support --unique and --check: edit app/accounts/models.py"
    ),
}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_users_who_exist_keep_their_accounts(bake: Bake, type_cache: Path, database: str) -> None:
    project = installed(bake())
    with database_of(project, database):
        run_app(project, "setup")
        run_app(project, "db upgrade")
        listed = run_app(project, "users list")
        assert "admin@example.com" in listed

        for fields in FIELDS:
            run_app(project, f"add field User {fields}")
            run_app(project, "db upgrade")

        assert run_app(project, "users list") == listed
    if database == "sqlite":
        run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
        run_dev(project, "test", *TESTS, *SHIPPED)


def test_smallest_project_has_fields_of_users(bake: Bake, type_cache: Path) -> None:
    project = installed(bake(pages="no", admin="no", deploy="no"))

    for fields in FIELDS:
        run_app(project, f"add field User {fields}")

    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    run_dev(project, "test", *TESTS)


def test_impossible_field_is_refused_in_one_sentence(bake: Bake) -> None:
    project = installed(bake())
    commit(project)

    for fields, message in REFUSED.items():
        assert (
            run_app(project, f"add field User {fields}", fails=True)
            == f"app: {message} (nothing was changed)\n"
        )
    form = project / "app/web/templates/account/profile.html"
    form.write_text("{% extends 'account/layout.html' %}", encoding="utf-8")
    printed = run_app(project, "add field User phone:phone:optional", fails=True)

    assert (
        "app/web/templates/account/profile.html has no input to add this to: add the field by hand"
        in printed
    )
    assert git(project, "status", "--porcelain").split() == [
        "M",
        "app/web/templates/account/profile.html",
    ]
