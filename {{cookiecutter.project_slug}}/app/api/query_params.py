"""Reject undeclared query parameters of API routes, which FastAPI would ignore."""

from collections.abc import Iterator
from inspect import isclass

from fastapi.dependencies.models import Dependant
from fastapi.requests import HTTPConnection
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from fastapi.security import APIKeyQuery
from pydantic import AliasChoices, BaseModel

from app.api.schemas import unwrap_annotation
from app.errors import InvalidRequest

ANY_PARAM = "*"
"""Stands for all names: the route has a model of query parameters with `extra="allow"`."""

_MAX_REPORTED = 10


async def forbid_unknown_query_params(connection: HTTPConnection) -> None:
    """Reject query parameters that neither the route nor its dependencies declare.

    Raises:
        InvalidRequest: lists the unknown and the allowed parameters.
    """
    if not connection.scope["query_string"]:
        return
    known = _known_names(connection)
    unknown = [name for name in connection.query_params if name not in known]
    if unknown and ANY_PARAM not in known:
        allowed = ", ".join(sorted(known)) or "none"
        error = {"msg": "Unknown query parameter", "type": "extra_forbidden"}
        errors = [{"loc": ("query", name), **error} for name in unknown[:_MAX_REPORTED]]
        raise InvalidRequest(f"Allowed query parameters: {allowed}.", errors)


def _known_names(connection: HTTPConnection) -> frozenset[str]:
    """Return the names that the route declares; collected once for all routes."""
    state = connection.app.state
    if not hasattr(state, "query_names"):
        types = APIRoute | APIWebSocketRoute
        routes = [c for c in iter_route_contexts(connection.app.routes) if isinstance(c.original_route, types)]
        state.query_names = {id(route.original_route): frozenset(_names(route.dependant)) for route in routes}
    names: frozenset[str] = state.query_names[id(connection.scope["route"])]
    return names


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
        yield ANY_PARAM
    for name, info in model.model_fields.items():
        alias = info.validation_alias or name
        yield from map(str, alias.choices) if isinstance(alias, AliasChoices) else [str(alias)]
