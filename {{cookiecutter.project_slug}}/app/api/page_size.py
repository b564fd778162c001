"""Page size of lists. The default and the maximum are settings, so a context variable has those of the running app."""

from contextvars import ContextVar
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticKnownError

from app.settings.config import APISettings

page_settings: ContextVar[APISettings] = ContextVar("page_settings", default=APISettings())  # noqa: B039 - frozen
"""Settings of the app that handles the request; set by `RequestMiddleware`."""


def default_page_size() -> int:
    """Return the page size of requests without `limit`."""
    return page_settings.get().page_size


def _check_maximum(limit: int) -> int:
    maximum = page_settings.get().max_page_size
    if limit > maximum:
        raise PydanticKnownError("less_than_equal", {"le": maximum})
    return limit


def _document(schema: dict[str, Any]) -> None:
    settings = page_settings.get()
    schema |= {"default": settings.page_size, "maximum": settings.max_page_size}


PageSize = Annotated[int, Field(ge=1, json_schema_extra=_document), AfterValidator(_check_maximum)]
