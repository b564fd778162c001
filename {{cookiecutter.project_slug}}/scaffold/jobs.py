"""Generate a job: a function in the `jobs.py` of a feature, and a test of it."""

import ast
import builtins
import keyword
import re

from app.database.titles import label_of_name
from app.jobs.schedules import check_schedule
from scaffold.errors import ScaffoldError, nearest
from scaffold.insertion import Module
from scaffold.names import NAME_LENGTH, words
from scaffold.project import Project
from scaffold.rendering import render
from scaffold.staging import staging_area

TEMPLATES = ("jobs.py.j2", "job.py.j2", "test_jobs.py.j2", "test_job.py.j2")


def write_job(project: Project, path: str, *, schedule: str | None, dry_run: bool = False) -> list[str]:
    """Write a job to `feature.name`. Returns the files that it adds or extends.

    Raises:
        ScaffoldError: if the feature doesn't exist, or the name or the schedule is invalid or in use.
    """
    feature, name = _parse(project, path, schedule)
    values = {"feature": feature, "words": words(feature), "name": name, "sentence": label_of_name(name)}
    rendered = render("job", {template: template for template in TEMPLATES}, {**values, "schedule": schedule})
    code, job, tests, test = (rendered[template] for template in TEMPLATES)
    module, test_module = f"app/features/{feature}/jobs.py", f"tests/features/{feature}/test_jobs.py"
    files = {
        module: _extended(project, module, code, name) + job,
        test_module: _extended(project, test_module, tests, f"test_{name}_succeeds") + test,
    }
    with staging_area(project.root, files) as stage:
        stage.format()
        if not dry_run:
            stage.apply()
        return stage.files()


def _parse(project: Project, path: str, schedule: str | None) -> tuple[str, str]:
    """Return the feature and the name of the function."""
    feature, _, name = path.partition(".")
    if not (feature and name):
        raise ScaffoldError([f"{path}: use FEATURE.NAME, for example notes.export_all"])
    errors = []
    if feature not in project.packages():
        errors.append(f"{feature} is not a feature: {nearest(feature, project.packages())}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        errors.append(f"{name}: invalid name of a job: use snake_case like export_all")
    if hasattr(builtins, name):
        errors.append(f"{name} is a name of Python's own: choose another one")
    if len(name) > NAME_LENGTH:
        errors.append(f"{name}: use at most {NAME_LENGTH} characters")
    if schedule is not None:
        try:
            check_schedule(schedule)
        except ValueError as error:
            errors.append(f"--schedule: {error}")
    if errors:
        raise ScaffoldError(errors)
    return feature, name


def _extended(project: Project, path: str, head: str, name: str) -> str:
    """Return a file, or what it begins with, and the imports that a function of this name needs.

    Raises:
        ScaffoldError: if the file has this name already.
    """
    file = project.root / path
    module = Module(path, file.read_text(encoding="utf-8") if file.exists() else head)
    known = module.names()
    if name in known:
        raise ScaffoldError([f"{path} already has {name}: choose another name"])
    imports = [node for node in ast.parse(head).body if isinstance(node, ast.ImportFrom)]
    missing = [ast.unparse(node) for node in imports if not {item.name for item in node.names} <= known]
    above = [node for node in module.tree.body if isinstance(node, ast.Import | ast.ImportFrom)] or module.tree.body[:1]
    module.insert(above[-1].end_lineno or 1 if above else 0, "\n".join(missing))
    return module.text()
