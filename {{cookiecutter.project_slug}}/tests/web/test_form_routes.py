"""Routes with forms, which FastAPI's own router handles: see `app/api/routing.py`."""

from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, Form
from starlette.testclient import TestClient

from app.api.error_handlers import register_exception_handlers
from app.api.routing import index_routes


async def read_form(fields: Annotated[list[str], Form()]) -> list[str]:
    return fields


@pytest.mark.any_database
@pytest.mark.parametrize("has_index", [True, False])
@pytest.mark.parametrize(("fields", "status"), [(["1"], 200), (["1", "2"], 400), ([], 422)])
def test_limits_of_a_router_for_its_forms(has_index: bool, fields: list[str], status: int) -> None:  # noqa: FBT001
    app, router = FastAPI(), APIRouter()
    router.add_api_route("/form", read_form, methods=["POST"])
    app.include_router(router, form_limits={"max_fields": 1})
    if has_index:
        index_routes(app)

    assert TestClient(app).post("/form", data={"fields": fields}).status_code == status


@pytest.mark.any_database
@pytest.mark.parametrize(("query", "status"), [("q=1", 200), ("page=2", 422)])
def test_undeclared_parameters_are_rejected(query: str, status: int) -> None:
    app = FastAPI()

    @app.post("/api/form")
    async def form(name: Annotated[str, Form()], q: str = "") -> None: ...

    index_routes(app)
    register_exception_handlers(app)

    assert TestClient(app).post(f"/api/form?{query}", data={"name": "x"}).status_code == status
