"""Any answer gives a working project, or one error message that says how to fix it."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import OrderedDict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.generate import generate_files
from cookiecutter.prompt import prompt_for_config
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hooks.pre_gen_project import MAX_LENGTH, validation_error
from tests.baking import PROJECT, TEMPLATE

NASTY = "\"'\\{}%#<>&$`~!;:|*?/=@^()[] \t\n\r\0\x1b\u0085\u00a0\u200b\u2028\u202e\ud800éß日🚀aZ0_-."
TEXTS = st.text(st.characters() | st.sampled_from(NASTY), max_size=40)
PRINTABLE = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters='"\\{}')
    | st.sampled_from("'#<>&$`~!;:|*?/=@^()[]% 日🚀é"),
    min_size=1,
    max_size=36,
).filter(str.strip)


@pytest.fixture(scope="module")
def small_template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy only the hooks and the files with template tags, which are fast to generate."""
    small = tmp_path_factory.mktemp("small") / "template"
    shutil.copytree(template / "hooks", small / "hooks")
    shutil.copy(template / "cookiecutter.json", small)
    for path in (template / PROJECT.name).rglob("*"):
        if path.is_file() and _is_rendered(path):
            copy = small / path.relative_to(template)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return small


@given(project_name=TEXTS, description=TEXTS, author=TEXTS, project_slug=TEXTS)
def test_any_error_is_one_sentence_about_one_answer(**answers: str) -> None:
    message = validation_error(answers)

    if message is not None:
        assert message.isprintable()
        assert message.split()[0] in answers
        assert re.search(r": (enter|remove|use) ", message)
        assert message.endswith(".")
        assert message.count(". ") == 0


@given(name=TEXTS)
def test_directory_is_derived_from_any_name(name: str) -> None:
    answers = _answer(TEMPLATE, project_name=name)

    message = validation_error({**answers, "project_name": "A name", "author": "Ada"})

    assert len(answers["project_slug"]) <= MAX_LENGTH["project_slug"]
    if message is not None:
        # Python keywords, module names and names that start with a digit need a decision.
        assert message.startswith("project_slug ")
        assert not message.startswith("project_slug is empty")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("My Project", "my_project"),
        ("Café Zürich", "cafe_zurich"),
        ("O'Reilly & Söhne", "o_reilly_sohne"),
        ("店の予約", "dian_noyu_yue"),
        ("!!!", "my_project"),
        ("shop-2", "shop_2"),
    ],
)
def test_directory_is_the_name_in_ascii(name: str, folder: str) -> None:
    assert _answer(TEMPLATE, project_name=name)["project_slug"] == folder


@settings(max_examples=25)
@given(name=PRINTABLE, description=PRINTABLE, author=PRINTABLE)
@example(name="O'Reilly & Söhne <b>", description="'''", author="# %s %(a)s $(id) $HOME `id`")
@example(name="日" * 36, description="🚀" * 36, author="[x](y) | z")
def test_any_valid_text_is_rendered_unchanged(
    small_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    description: str,
    author: str,
) -> None:
    answers = {"project_name": name, "description": description, "author": author}

    folder = tmp_path_factory.mktemp("any")
    project = _generate(small_template, folder, project_slug="my_project", **answers)

    settings_module = ast.walk(ast.parse(_read(project / "app/settings/config.py")))
    assert name in [node.value for node in settings_module if isinstance(node, ast.Constant)]
    pyproject = tomllib.loads(_read(project / "pyproject.toml"))
    assert pyproject["project"]["description"] == description
    assert author in _read(project / "LICENSE")
    assert _read(project / "README.md").startswith(f"# {name}\n\n{description}\n")
    _assert_ruff_finds_nothing(project)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, key=st.sampled_from(["project_name", "description", "author"]))
@example(text='"""', key="author")
@example(text='\\"""', key="project_name")
@example(text="', '''", key="description")
@example(text="\ud800", key="project_name")
@example(text="{{ 1 / 0 }}", key="description")
def test_any_text_gives_a_project_or_one_error(
    small_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capfd: pytest.CaptureFixture[str],
    text: str,
    key: str,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    answers = {"project_slug": "my_project", key: text}
    message = validation_error(_answer(small_template, **answers))
    capfd.readouterr()

    if message is None:
        _assert_ruff_finds_nothing(_generate(small_template, folder, **answers))
    else:
        with pytest.raises(FailedHookException):
            _generate(small_template, folder, **answers)
        assert capfd.readouterr().err == f"{message}\n"
        assert not list(folder.iterdir())


@pytest.mark.parametrize("slug", ["json", "class", "Shop", "été", "3d", "a b", "../up", "a/b"])
def test_rejected_directory_is_not_created(
    slug: str, small_template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()

    with pytest.raises(FailedHookException):
        _generate(small_template, folder, project_slug=slug)

    assert capfd.readouterr().err.startswith("project_slug ")
    assert not (folder / slug).exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param("project_slug=json", "use project_slug=my_json.", id="slug"),
        pytest.param("project_name={{ 7 * 7 }}", "use project_slug=my_49.", id="mark"),
        pytest.param('author=Say "x"', "remove it.", id="quote"),
        pytest.param("description={% x %}", "remove it.", id="brace"),
    ],
)
def test_cookiecutter_prints_only_the_error(
    template: Path, tmp_path: Path, answer: str, message: str
) -> None:
    done = _cookiecutter(template, tmp_path, "--no-input", answer)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith(f"{message}\n")
    assert done.stdout.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_cookiecutter_rejects_an_answer_before_the_next_prompts(
    template: Path, tmp_path: Path
) -> None:
    done = _cookiecutter(template, tmp_path, typed='My Shop\n\nIt sells "this"\n\n')

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith(
        'description contains one of the characters " \\ { } : remove it.\n'
    )
    assert "License" not in done.stdout


def test_existing_directory_is_unchanged(template: Path, tmp_path: Path) -> None:
    mine = tmp_path / "my_project" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    command = [
        sys.executable,
        "-m",
        "cookiecutter",
        str(template),
        "--no-input",
        "-o",
        str(tmp_path),
    ]

    plain = subprocess.run(command, check=False, capture_output=True, text=True)
    forced = subprocess.run(
        [*command, "--overwrite-if-exists"], check=False, capture_output=True, text=True
    )

    assert plain.returncode == forced.returncode == 1
    assert plain.stdout == f'Error: "{mine.parent}" directory already exists\n'
    assert forced.stderr == f"{mine.parent} is not empty: move it or choose another project_slug.\n"
    assert [path.name for path in mine.parent.iterdir()] == ["mine.txt"]


def test_there_are_at_most_eight_questions_with_prompts() -> None:
    config = json.loads((TEMPLATE / "cookiecutter.json").read_text())
    questions = {key for key in config if not key.startswith("_")}

    assert len(questions) <= 8
    assert set(config["__prompts__"]) == questions


def _is_rendered(path: Path) -> bool:
    """Return whether the file has template tags, or is imported by files that have."""
    return (
        (
            path.name == "__init__.py" and path.parent.name != "sample"
        )  # imports modules without tags
        or path.parent.name == "licenses"
        or b"cookiecutter" in path.read_bytes()
    )


def _answer(template: Path, **answers: str) -> dict[str, Any]:
    """Answer the prompts, whose input is never rendered.

    Without the check of local_extensions.py, because the hook checks the answers again.
    """
    context = json.loads(_read(template / "cookiecutter.json"), object_pairs_hook=OrderedDict)
    del context["__checked"]
    with (
        patch(
            "cookiecutter.prompt.read_user_variable",
            lambda key, default, *_: answers.get(key, default),
        ),
        patch("cookiecutter.prompt.read_user_choice", lambda _, options, *__: options[0]),
        patch("cookiecutter.prompt.read_user_yes_no", lambda _, default, *__: default),
    ):
        return dict(prompt_for_config({"cookiecutter": context}))


def _cookiecutter(
    template: Path, folder: Path, *words: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run cookiecutter without user configuration."""
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(template), "-o", str(folder / "out"), *words],
        check=False,
        capture_output=True,
        text=True,
        input=typed,
        env={**os.environ, "HOME": str(folder)},
    )


def _generate(template: Path, folder: Path, **answers: str) -> Path:
    origin = {"_template": str(template), "_repo_dir": str(template)}
    context = {"cookiecutter": {**_answer(template, **answers), **origin}}
    return Path(generate_files(template, context, folder))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _assert_ruff_finds_nothing(project: Path) -> None:
    for arguments in (["format", "--check"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]
        done = subprocess.run(ruff, cwd=project, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
