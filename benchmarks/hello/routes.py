"""API routes for greetings."""

from app.api.schemas import ResponseSchema
from fastapi import APIRouter

router = APIRouter(prefix="/hello", tags=["hello"])


class Greeting(ResponseSchema):
    """A greeting."""

    message: str


@router.get("")
async def say_hello() -> Greeting:
    """Say hello."""
    return Greeting(message="Hello")
