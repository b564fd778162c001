"""Give every test of the template a way to generate projects, as a stranger's clone would."""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.baking import TEMPLATE, Answer, Bake, git_files
from tests.docker.base_images import provide_base_images
from tests.docker.engine import Engine, reason_not_to_run, running_engine
from tests.windows import FLAGS

LONGEST = {
    *("test_accessibility", "test_api_shape", "test_blog", "test_browser_admin", "test_changes"),
    *("test_extending", "test_fuzz", "test_removal", "test_runs", "test_scaffold", "test_schemas"),
    *("test_shop", "test_spa"),
}
ENGINE = ("test_compose_deployment.py", "test_docker.py")
"""Modules that share a Docker engine."""
EACH_ALONE = ("test_changes.py", "test_removal.py", "test_scaffold.py", "test_schemas.py")
"""Modules whose tests share nothing."""

# The same commit gets the same verdict every time, however slow the machine.
settings.register_profile("fireup", database=None, deadline=None, derandomize=True)
settings.load_profile("fireup")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that accepts a changed list of files."""
    parser.addoption(
        "--update-layout",
        action="store_true",
        help="write tests/layout/*.txt anew (test_layout.py)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, or a processor waits for the other in the end."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


class ByProject(LoadScopeScheduling):
    """Give the tests that share a project, and its server, to one process."""

    def _split_scope(self, nodeid: str) -> str:
        """Name what a test shares: its module, but in the long ones its case, or nothing."""
        module, _, name = nodeid.partition("::")
        if module.endswith("test_runs.py"):
            return name.partition("[")[2]
        if module.endswith(ENGINE):
            return "engine"
        return nodeid if module.endswith(EACH_ALONE) else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByProject:
    """Let pytest-xdist use it."""
    return ByProject(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a skipped test as failed where CI=true says that everything it needs must be there."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the files that a clone would have: no caches, and nothing else that git ignores."""
    copy = tmp_path_factory.mktemp("template") / "fireup"
    for name in git_files("--cached", "--others", "--exclude-standard"):
        if (TEMPLATE / name).is_file():  # and not deleted since
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TEMPLATE / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def bake(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Bake:
    """Return a function that generates a project with these answers, in a folder of its own."""

    def bake(**answers: Answer) -> Path:
        home = tmp_path_factory.mktemp("bake")
        config = home / "config.yaml"
        config.write_text(f"replay_dir: {home / 'replay'}\ncookiecutters_dir: {home / 'cache'}\n")
        return Path(
            cookiecutter(
                str(template),
                no_input=True,
                extra_context=answers,
                output_dir=str(home / "out"),
                config_file=str(config),
            )
        )

    return bake


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Return an engine with the base images; in CI, fail if there is none."""
    reason = reason_not_to_run()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with running_engine() as engine:
        provide_base_images(engine)
        yield engine


@pytest.fixture(scope="session")
def baked(bake: Bake) -> Bake:
    """Return a function like bake, for tests that only read: the same answers, the same folder."""
    known: dict[tuple[tuple[str, Answer], ...], Path] = {}

    def baked(**answers: Answer) -> Path:
        key = tuple(sorted(answers.items()))
        if key not in known:
            known[key] = bake(**answers)
        return known[key]

    return baked


@pytest.fixture(scope="session")
def type_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let mypy read the packages, which all projects share, once; it knows files by their hash."""
    return tmp_path_factory.mktemp("mypy")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine; where CI says that all must run, it must be there."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
