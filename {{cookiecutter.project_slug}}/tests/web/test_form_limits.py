"""Limits that a router sets for its forms: the index of routes keeps them."""

from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, Form
from starlette.testclient import TestClient

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
