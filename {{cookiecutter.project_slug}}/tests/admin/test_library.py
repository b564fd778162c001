"""Private names and templates of starlette-admin that `app/admin` overrides or uses.

The library may change them in any release. Run this module first after an upgrade: it names what changed.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import starlette_admin
from starlette_admin.base import BaseAdmin
from starlette_admin.contrib.sqla import ModelView
from starlette_admin.contrib.sqla.view import InlineModelView
from starlette_admin.fields import EnumField, JSONField

from app import admin
from app.admin.csp import ARIA_FIXES, INLINE_HANDLERS, LAYOUT_FIXES, VALUE_FIXES
from tests.sample.sample_notes.models import SampleNote

ADMIN = Path(admin.__file__).parent
LIBRARY = Path(starlette_admin.__file__).parent / "templates"

PRIVATE_NAMES: Mapping[str, Mapping[str, str | None]] = {
    "BaseAdmin": {
        "_find_object_or_404": "request, view, key, pk, action",
        "_find_view_by_key": "key",
        "_init_csrf": "",
        "_inline_indices": "form_data, prefix",
        "_model_views": None,
        "_parse_form_data": "request, form_data, view",
        "_parse_inline_forms": "request, view, form_data",
        "_parse_inline_row_fields": "request, inline, form_data, row_prefix, validate",
        "_render_form_body": "request, view, obj, errors, config",
        "_render_import": "request",
        "_save_inline_row": "request, inline, row, parent",
        "_template_response": "request, name, context, status_code",
    },
    "ModelView": {
        "_actions": None,
        "_all_fields": None,
        "_apply_search_and_filters": "request, stmt, q, filters",
        "_arrange_data": "request, data, is_edit",
        "_columns": None,
        "_emit_after_create": "request, obj",
        "_emit_after_create_committed": "request, obj",
        "_emit_after_edit": "request, obj, pk, old_data",
        "_emit_after_edit_committed": "request, obj, old_data",
        "_emit_after_export": "request, export_type, items, export_ctx",
        "_emit_after_import": "request, import_type, result, import_ctx",
        "_emit_before_create": "request, data, obj",
        "_emit_before_edit": "request, data, obj, pk, old_data",
        "_emit_before_export": "request, export_type, items, export_ctx",
        "_emit_before_import": "request, import_type, import_ctx",
        "_filter_tree_url": "request, logic, rules",
        "_find_foreign_view": "key",
        "_inline_instances": None,
        "_parse_filter_param": "request, query_params",
        "_parse_filter_string": "raw",
        "_parse_list_params": "request, query_params",
        "_populate_obj": "request, obj, data, is_edit",
        "_row_actions": None,
        "_row_actions_handlers": None,
    },
    "InlineModelView": {"_get_fk_attr": "self", "_prefix": "self"},
    "JSONField": {
        "_name": None,
        "_needs_form_assets": "request",
        "_run_validators": "request, validators, value, form_values",
    },
    "EnumField": {"_get_choices": "request"},
    "flash": {"_FLASH_COOKIE": None},
    "helpers": {"_carry_origin": "request"},
}
"""By owner: the parameters of methods, None for attributes. Decision 24 of the template says what each is for."""

NAMES = [(owner, name) for owner, names in PRIVATE_NAMES.items() for name in names]
NOT_FROM_LIBRARY = {"_replace", "_meta", "_version"}  # of named tuples; keys of serialized rows
PRIVATE = re.compile(r"_[^_]")

OVERRIDDEN_TEMPLATES = {
    "_form_footer.html",
    "_list_row.html",
    "base.html",
    "create.html",
    "detail.html",
    "edit.html",
    "error.html",
    "fields/detail/_empty.html",
    "fields/detail/_null.html",
    "fields/detail/boolean.html",
    "fields/detail/relation.html",
    "fields/form/_label.html",
    "fields/form/enum.html",
    "fields/form/input.html",
    "fields/form/relation.html",
    "fields/list/boolean.html",
    "fields/list/relation.html",
    "inline.html",
    "inline_row.html",
    "layout.html",
    "list.html",
    "modals/import.html",
    "widgets/form_field_widget.html",
}


@cache
def library() -> SimpleNamespace:
    """Return the owners of the names. The admin sets some attributes of its views."""
    site, view = BaseAdmin(secret_key="x"), ModelView(SampleNote)
    site.add_view(view)
    return SimpleNamespace(
        BaseAdmin=site,
        ModelView=view,
        InlineModelView=InlineModelView,
        JSONField=JSONField("a"),
        EnumField=EnumField("a", choices=[("a", "A")]),
        flash=import_module("starlette_admin.flash"),
        helpers=import_module("starlette_admin.helpers"),
    )


@pytest.mark.parametrize(("owner", "name"), NAMES)
def test_private_name_exists_with_the_same_parameters(owner: str, name: str) -> None:
    found = getattr(getattr(library(), owner), name)

    parameters = ", ".join(inspect.signature(found).parameters) if callable(found) else None
    assert parameters == PRIVATE_NAMES[owner][name]


def test_every_private_name_in_use_is_listed() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in ADMIN.rglob("*.py")]
    templates = [path.read_text(encoding="utf-8") for path in (ADMIN / "templates").rglob("*.html")]
    used, defined = ({name for tree in trees for name in find(tree)} for find in (_used, _defined))
    used |= {name for template in templates for name in re.findall(r"\.(_[a-z]\w+)", template)}
    from_library = {name for name in used | defined if any(hasattr(owner, name) for owner in vars(library()).values())}

    assert from_library == {name for _, name in NAMES}
    assert used - defined - from_library == NOT_FROM_LIBRARY


@pytest.mark.parametrize("text", [*INLINE_HANDLERS, *VALUE_FIXES, *ARIA_FIXES, *LAYOUT_FIXES])
def test_patched_text_is_in_a_template_of_the_library(text: str) -> None:
    assert [path for path in LIBRARY.rglob("*.html") if text in path.read_text(encoding="utf-8")]


def test_overridden_templates_and_blocks_exist() -> None:
    theirs, ours = (
        {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}
        for folder in (LIBRARY, ADMIN / "templates")
    )
    extended = {name for text in ours.values() for name in re.findall(r'"@starlette-admin/([^"]+)"', text)}

    assert ours.keys() & theirs.keys() == OVERRIDDEN_TEMPLATES
    assert extended <= OVERRIDDEN_TEMPLATES
    assert _blocks(ours) <= _blocks(theirs)


def _used(tree: ast.AST) -> Iterator[str]:
    """Return the private attributes that a module reads, and the private names that it imports from the library."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and PRIVATE.match(node.attr):
            yield node.attr
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("starlette_admin"):
            yield from (imported.name for imported in node.names if PRIVATE.match(imported.name))


def _defined(tree: ast.AST) -> Iterator[str]:
    """Return the private functions and attributes that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and PRIVATE.match(node.name):
            yield node.name
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and PRIVATE.match(node.attr):
            yield node.attr


def _blocks(templates: Mapping[str, str]) -> set[str]:
    return {name for text in templates.values() for name in re.findall(r"[{]%-? block (\w+)", text)}
