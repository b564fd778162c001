"""Add fields to users: `app add field User phone:str=40:optional:signup`.

They are rendered as those of a resource, and the lines are inserted into the files of accounts.
"""

import ast
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from scaffold import migration
from scaffold.access import PRESETS
from scaffold.errors import ScaffoldError
from scaffold.field import Field
from scaffold.field_spec import FILES
from scaffold.grammar import parse_fields
from scaffold.insertion import Module, assigned_in, attributes_of, end_of
from scaffold.names import Names
from scaffold.project import Project
from scaffold.rendering import render
from scaffold.resource import Resource
from scaffold.staging import staging_area

USER = Names("User", "users")

_UNSUPPORTED_TYPES = ("ref", "many", "slug", *FILES)
_UNSUPPORTED_MODIFIERS = ("globally", "index", "search", "title", "readonly")
_FEATURE = ("app.features.users", "app.accounts")
_MODELS, _SCHEMAS, _SIGN_UP = "app/accounts/models.py", "app/accounts/schemas.py", "app/accounts/lifecycle/schemas.py"
_ADMIN = "app/admin/views/users.py"
_PROFILE, _SIGN_UP_PAGE = "app/web/templates/account/profile.html", "app/web/templates/signup.html"
_LAST_FIELD = re.compile(r"^( *)\{\{ fields\.\w+\(form,.*\n", re.MULTILINE)


def add_user_fields(project: Project, specs: Sequence[str], *, dry_run: bool = False) -> list[str]:
    """Add fields to users. Returns the changed files.

    Raises:
        ScaffoldError: if the fields can't be added; nothing was changed.
    """
    plain = [":".join(part for part in spec.split(":") if part != "signup") for spec in specs]
    on_sign_up = {spec.partition(":")[0] for spec, without in zip(specs, plain, strict=True) if spec != without}
    fields = _parse(project, plain, on_sign_up)
    resource = Resource(
        USER.name, USER.plural, tuple(fields), (), (), PRESETS["shared"], project.has_pages, project.has_admin
    )
    chosen = [item for item in fields if item.name in on_sign_up]
    with staging_area(project.root, {}) as stage:
        code = stage.formatted(render("resource", _templates_of(resource), {"r": resource}))
        stage.write(_changed_files(project, code, fields, chosen))
        stage.write(_test_of(project, fields, chosen))
        migration.write_user_fields(stage, code["models.py"], resource)
        stage.format()
        if not dry_run:
            stage.apply()
        return stage.files()


def _templates_of(resource: Resource) -> dict[str, str]:
    """Return the templates of a resource that have lines of fields, each with its name here."""
    files = [
        "models.py",
        "schemas.py",
        *["admin.py"] * resource.admin,
        *["templates/form_fields.html"] * resource.pages,
    ]
    return {f"app/{file}.j2": Path(file).name for file in files}


def _parse(project: Project, specs: Sequence[str], on_sign_up: AbstractSet[str]) -> list[Field]:
    """Return the fields.

    Raises:
        ScaffoldError: with every error in them.
    """
    if not specs:
        raise ScaffoldError(["specify a field, for example phone:phone:optional"])
    errors = [error for spec in specs for error in _unsupported(spec)]
    if errors:
        raise ScaffoldError(errors)
    fields, errors = parse_fields(USER, specs, project.find_target, PRESETS["shared"])
    taken = {*attributes_of(_module(project, _MODELS).class_("User")), "password", "second_factor"}
    defined = _module(project, _SCHEMAS).names() | _module(project, _MODELS).names()
    for item in fields:
        name = item.alias if item.has_alias else item.enum_name if item.type == "enum" else ""
        if item.name in taken:
            errors.append(f"{item.name} already exists")
        elif name in defined:
            errors.append(f"{item.name}: the type {name} already exists in accounts: choose another name")
        if item.unique and item.name in on_sign_up:
            errors.append(f"{item.name}: if it is unique, signing up would reveal who has an account: remove signup")
        if item.required:
            errors.append(f"{item.name}: existing users need a value: add optional or default=…")
    if errors:
        raise ScaffoldError(errors)
    return fields


def _unsupported(spec: str) -> list[str]:
    """Return the errors for what fields of users can't be."""
    _, type_, *modifiers = [*spec.split(":"), ""]
    kind = type_.partition("=")[0]
    errors = []
    if kind in _UNSUPPORTED_TYPES:
        errors.append(f"{spec}: {kind} is for resources: create one with owner_id, or with user:ref=User")
    found = [name for name in _UNSUPPORTED_MODIFIERS if name in modifiers]
    return errors + [f"{spec}: fields of users don't support {name}: remove it" for name in found]


def _module(project: Project, name: str) -> Module:
    path = project.root / name
    return Module(name, path.read_text(encoding="utf-8"))


def _changed_files(
    project: Project, code: dict[str, str], fields: Sequence[Field], on_sign_up: Sequence[Field]
) -> dict[str, str]:
    """Return the files of accounts with the fields."""
    models, schemas = (Module(name, code[name]) for name in ("models.py", "schemas.py"))
    modules = [
        _with_columns(_module(project, _MODELS), models, fields),
        *_with_schemas(project, schemas, fields, on_sign_up),
    ]
    files = {}
    if project.has_admin:
        modules.append(_with_admin_fields(_module(project, _ADMIN), Module("admin.py", code["admin.py"])))
    if project.has_pages:
        lines = dict(zip([item.name for item in fields], code["form_fields.html"].splitlines(), strict=True))
        for name, chosen in ((_PROFILE, fields), (_SIGN_UP_PAGE, on_sign_up)):
            if chosen:
                files[name] = _with_inputs(project, name, [lines[item.name] for item in chosen])
    return {**files, **{module.path: module.text() for module in modules}}


def _with_columns(module: Module, rendered: Module, fields: Sequence[Field]) -> Module:
    user, new = module.class_("User"), rendered.class_("User")
    columns = [item for item in attributes_of(user).values() if "relationship(" not in ast.unparse(item)]
    if not columns:
        raise module.missing("column of User")
    found = attributes_of(new)
    lines = [f"    {rendered.source(found[item.name])}" for item in fields]
    enums = [rendered.source(node) for node in rendered.tree.body if isinstance(node, ast.ClassDef) and node is not new]
    module.insert(user.lineno - 1, "".join(f"{text}\n\n\n" for text in enums))
    constraints = _constraints_in(rendered, new, fields)
    existing = assigned_in(user, "__table_args__")
    if constraints and existing:
        module.extend(existing, constraints)
    elif constraints:
        lines += ["", f"    __table_args__ = ({', '.join(constraints)},)"]
    module.insert(end_of(user, columns), "\n".join(lines))
    module.insert_imports("\n".join([*map(str.strip, lines), *constraints, *enums]), rendered, _FEATURE)
    return module


def _constraints_in(rendered: Module, model: ast.ClassDef, fields: Sequence[Field]) -> list[str]:
    arguments = assigned_in(model, "__table_args__")
    checks = [rendered.source(item) for item in arguments.elts if isinstance(item, ast.Call)] if arguments else []
    uniques = [f'UniqueConstraint("{item.name}")' for item in fields if item.unique]
    return uniques + [text for text in checks if text.startswith("CheckConstraint")]


def _with_schemas(
    project: Project, rendered: Module, fields: Sequence[Field], on_sign_up: Sequence[Field]
) -> list[Module]:
    module, sign_up = _module(project, _SCHEMAS), _module(project, _SIGN_UP)
    aliases = [rendered.source(node) for node in rendered.tree.body if isinstance(node, ast.Assign)]
    first = next((node for node in module.tree.body if isinstance(node, ast.ClassDef)), None)
    if first is None:
        raise module.missing("class")
    module.insert(first.lineno - 3, "\n".join(aliases))
    code = [*aliases]
    for target, name, source, chosen in (
        (module, "AccountRead", "UserRead", fields),
        (module, "AccountUpdate", "UserUpdate", fields),
        (sign_up, "SignUp", "UserCreate", on_sign_up),
    ):
        lines = _insert_attributes(target, name, rendered, source, chosen)
        if target is module:
            code += lines
        elif lines:
            own = {item.alias for item in chosen if item.has_alias}
            target.insert_imports("\n".join(lines), rendered, _FEATURE)
            target.insert_imports("\n".join(lines), _importing(own), _FEATURE)
    module.insert_imports("\n".join(code), rendered, _FEATURE)
    return [module, sign_up] if on_sign_up else [module]


def _importing(names: set[str]) -> Module:
    """Return a module that imports these names from the schemas of accounts."""
    return Module("", "".join(f"from app.accounts.schemas import {name}\n" for name in sorted(names)))


def _insert_attributes(module: Module, name: str, rendered: Module, source: str, fields: Sequence[Field]) -> list[str]:
    """Insert attributes of a rendered class at the end of those of another one. Returns their lines."""
    target, found = module.class_(name), attributes_of(rendered.class_(source))
    existing = attributes_of(target).values()
    if not existing:
        raise module.missing(f"field of {name}")
    lines = [rendered.source(found[item.name]) for item in fields]
    module.insert(end_of(target, existing), "\n".join(f"    {line}" for line in lines))
    return lines


def _with_admin_fields(module: Module, rendered: Module) -> Module:
    fields, new = assigned_in(module.class_("UserView"), "fields"), assigned_in(rendered.class_("UserView"), "fields")
    last = [item for item in fields.elts if ast.unparse(item) == "'created_at'"] if fields else []
    if not last or new is None:
        raise module.missing('"created_at" in the fields of UserView')
    plain = {"id", "created_at", "updated_at"}
    added = [item for item in new.elts if not (isinstance(item, ast.Constant) and item.value in plain)]
    code = [rendered.source(item) for item in added]
    module.insert(last[0].lineno - 1, "\n".join(f"        {text}," for text in code))
    module.insert_imports("\n".join(code), rendered, _FEATURE)
    return module


def _with_inputs(project: Project, name: str, lines: Sequence[str]) -> str:
    """Return a template with inputs after the last one of its form.

    Raises:
        ScaffoldError: if it has none.
    """
    text = ""
    with suppress(FileNotFoundError):
        text = (project.root / name).read_text(encoding="utf-8")
    places = [*_LAST_FIELD.finditer(text)]
    if not places:
        raise ScaffoldError([f"{name} has no input to add this to: add the field by hand"])
    indent, end = places[-1].group(1), places[-1].end()
    inputs = "".join(f"{indent}{line.replace(', autofocus=true', '')}\n" for line in lines)
    return text[:end] + inputs + text[end:]


def _test_of(project: Project, fields: Sequence[Field], on_sign_up: Sequence[Field]) -> dict[str, str]:
    path = f"tests/accounts/test_user_{fields[0].name}.py"
    if (project.root / path).exists():
        raise ScaffoldError([f"{path} already exists: move it"])
    values = {"fields": fields, "on_sign_up": on_sign_up, "pages": project.has_pages, "admin": project.has_admin}
    return render("user", {"test_user_fields.py.j2": path}, values)
