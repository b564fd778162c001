"""Help texts of form fields, taken from schemas and models.

    pages: Mapped[int | None]
    \"\"\"Without the index.\"\"\"

The `description` of the schema's field takes precedence, then `mapped_column(doc=...)`, then the docstring.
"""

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel


def help_text_for(model: type[Any], name: str, schema: type[BaseModel] | None) -> str | None:
    """Return the help text of a field, or None. References use the text of their column."""
    names = (name, f"{name}_id")
    descriptions = [schema.model_fields[n].description for n in names if n in schema.model_fields] if schema else []
    docs = [model.__table__.c[n].doc for n in names if n in model.__table__.c]
    docstrings = [_docstrings(cls.__module__).get((cls.__name__, n)) for cls in model.__mro__ for n in names]
    return next((" ".join(text.split()) for text in (*descriptions, *docs, *docstrings) if text), None)


@cache
def _docstrings(module: str) -> dict[tuple[str, str], str]:
    """Return the docstrings below the attributes of a module's classes. Python itself doesn't store them."""
    if not module.startswith("app."):
        return {}
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:  # no source available
        return {}
    return {
        (cls.name, attribute.target.id): text.value.value
        for cls in tree.body
        if isinstance(cls, ast.ClassDef)
        for attribute, text in pairwise(cls.body)
        if isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
