"""Reject undeclared query parameters of API routes, which FastAPI would ignore."""

from collections.abc import Iterator
from inspect import isclass

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, RouteContext
from fastapi.security import APIKeyQuery
from pydantic import AliasChoices, BaseModel
from starlette.datastructures import QueryParams
from starlette.types import Scope

from app.api.schemas import unwrap_annotation
from app.errors import InvalidRequest

_ANY_PARAM = "*"
"""Stands for all names: the route has a model of query parameters with `extra="allow"`."""

_MAX_REPORTED = 10


def allowed_query_params(route: RouteContext) -> frozenset[str] | None:
    """Return the query parameters that an API route and its dependencies declare; None if it accepts others, too."""
    declares = isinstance(route.original_route, APIRoute | APIWebSocketRoute)
    if not declares or not (route.path or "").startswith("/api/"):
        return None
    names = frozenset(_names(route.dependant))
    return None if _ANY_PARAM in names else names


def forbid_unknown_query_params(scope: Scope, allowed: frozenset[str] | None) -> None:
    """Reject undeclared query parameters; `app/api/routing.py` calls this before each route.

    It isn't a dependency, because one would add a fifth to the time of a simple request.

    Raises:
        InvalidRequest: lists the unknown and the allowed parameters.
    """
    if allowed is None or not scope["query_string"]:
        return
    unknown = [name for name in QueryParams(scope["query_string"]) if name not in allowed]
    if unknown:
        names = ", ".join(sorted(allowed)) or "none"
        error = {"msg": "Unknown query parameter", "type": "extra_forbidden"}
        errors = [{"loc": ("query", name), **error} for name in unknown[:_MAX_REPORTED]]
        raise InvalidRequest(f"Allowed query parameters: {names}.", errors)


def _names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        model, _ = unwrap_annotation(field.field_info.annotation)
        yield from _names_in(model) if isclass(model) and issubclass(model, BaseModel) else [field.alias]
    if isinstance(dependant.call, APIKeyQuery):
        yield dependant.call.model.name
    for part in dependant.dependencies:
        yield from _names(part)


def _names_in(model: type[BaseModel]) -> Iterator[str]:
    if model.model_config.get("extra") == "allow":
        yield _ANY_PARAM
    for name, info in model.model_fields.items():
        alias = info.validation_alias or name
        yield from map(str, alias.choices) if isinstance(alias, AliasChoices) else [str(alias)]
