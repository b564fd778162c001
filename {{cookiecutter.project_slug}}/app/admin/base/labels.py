"""Labels of views, fields and actions in the language of the request. Classes define them in English."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from babel.support import LazyProxy
from fastapi import Request
from starlette_admin.fields import EnumField

from app.database.titles import model_name
from app.i18n import gettext

LABELS: dict[str, str] = {}
"""The texts of all views, each with the module that it belongs to, for `app translate update`."""

_OF_VIEWS = ("menu_label", "display_name")
_OF_FIELDS = ("label", "help_text")
_OF_ACTIONS = ("text", "confirmation", "header", "submit_btn_text")


def translate_labels(view: Any) -> None:  # noqa: ANN401 - a ModelView, which isn't below this module
    """Replace the labels of a view by ones that are translated when they are shown."""
    model_module = view.model.__module__
    module = model_module if model_module.startswith("app.features.") else type(view).__module__
    LABELS.setdefault(view.section, module)  # a key of the menu, which the templates translate
    LABELS.setdefault(model_name(view.model).capitalize(), module)  # names rows without a title
    for name in _OF_VIEWS:
        setattr(view, name, _translated(getattr(view, name), module))
    for field in view._all_fields:  # noqa: SLF001 - the library's
        for name in _OF_FIELDS:
            setattr(field, name, _translated(getattr(field, name), module))
        if isinstance(field, EnumField) and field.choices_loader is None:
            field.choices_loader = _translated_choices(field.choices or (), module)
    for actions in (view._actions, view._row_actions):  # noqa: SLF001 - the library's
        for key, action in actions.items():
            texts = {name: _translated(action.get(name), module) for name in _OF_ACTIONS if name in action}
            actions[key] = {**action, **texts}


def choice_label(field: EnumField, request: Request, value: object) -> str:
    """Return the label of a stored choice. One that is no longer on offer, such as a removed language, is its value."""
    stored = value.value if isinstance(value, Enum) else value
    choices = field._get_choices(request)  # noqa: SLF001 - the library's
    return next((label for choice, label in choices if choice == stored), str(stored))


def _translated_choices(choices: Sequence[Any], module: str) -> Callable[[Request], list[tuple[Any, str]]]:
    """Return a loader of these choices, for the library's fields."""
    for _, label in choices:
        LABELS.setdefault(label, module)
    return lambda _: [(value, gettext(label)) for value, label in choices]


def _translated(text: Any, module: str) -> Any:  # noqa: ANN401 - text, or a proxy of the library
    if type(text) is not str or not text:
        return text
    LABELS.setdefault(text, module)
    return LazyProxy(gettext, text, enable_cache=False)
