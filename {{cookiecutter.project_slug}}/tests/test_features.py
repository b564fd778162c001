"""Discovery of features: what is found, and what is refused."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter

from app import features
from app.features import BrokenFeature


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Look for features in a folder of the test as well."""
    before = set(sys.modules)
    monkeypatch.setattr(features, "__path__", [str(tmp_path), *features.__path__])
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("app.features."):
            del sys.modules[name]


def write(folder: Path, name: str, **modules: str) -> None:
    """Write a feature."""
    (folder / name).mkdir()
    for module, text in {"__init__": "", **modules}.items():
        (folder / name / f"{module}.py").write_text(text)


def test_feature_is_found_by_its_folder(folder: Path) -> None:
    write(folder, "tasks", routes="from fastapi import APIRouter\nrouter = APIRouter(prefix='/tasks')\n")

    assert {"notes", "tasks"} <= set(features.names())
    assert "/tasks" in [router.prefix for router in features.exports("routes", "router", APIRouter)]


def test_feature_without_a_module_is_passed_over(folder: Path) -> None:
    write(folder, "tasks", models="")

    names = [module.__name__ for module in features.modules("routes")]

    assert "app.features.notes.routes" in names
    assert "app.features.tasks.routes" not in names


@pytest.mark.parametrize("text", [pytest.param("", id="absent"), pytest.param("router = 1", id="of-another-type")])
def test_module_without_what_its_name_promises_is_refused(folder: Path, text: str) -> None:
    write(folder, "broken", routes=text)

    with pytest.raises(BrokenFeature, match=r"app\.features\.broken\.routes must define `router: APIRouter`"):
        features.exports("routes", "router", APIRouter)


def test_what_a_module_may_define_is_found_and_checked(folder: Path) -> None:
    write(folder, "tasks", pages="menu = 'Tasks'")
    write(folder, "quiet", pages="")

    assert features.offers("pages", "menu", str) == ["Tasks"]
    with pytest.raises(BrokenFeature, match=r"app\.features\.tasks\.pages must define `menu: int`"):
        features.offers("pages", "menu", int)


def test_module_that_cannot_be_imported_is_not_passed_over(folder: Path) -> None:
    write(folder, "broken", routes="import no_such_module")

    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        features.exports("routes", "router", APIRouter)


def test_file_is_not_a_feature(folder: Path) -> None:
    (folder / "loose.py").write_text("")

    assert "loose" not in features.names()


def test_templates_of_features_are_found(folder: Path) -> None:
    write(folder, "tasks")
    (folder / "tasks" / "templates").mkdir()
    write(folder, "plain")

    found = features.template_folders()

    assert folder / "tasks" / "templates" in found
    assert folder / "plain" / "templates" not in found
