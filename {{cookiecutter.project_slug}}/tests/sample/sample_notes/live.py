"""Live updates of notes."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.accounts.api.dependencies import CurrentScope, InvalidToken
from app.api.error_handlers import openapi_responses
from app.live.publishing import publish_changes, topic_of
from app.live.streams import LiveDep, listen
from tests.sample.sample_notes.models import SampleNote

publish_changes(SampleNote, "owner_id")

router = APIRouter(prefix="/sample-notes", tags=["sample notes"], responses=openapi_responses(InvalidToken))


@router.get("/live", response_class=EventSourceResponse)
async def stream_sample_notes(live: LiveDep, scope: CurrentScope) -> AsyncIterator[ServerSentEvent]:
    """Stream an event when one of the caller's notes changes."""
    async for event in listen(live, topic_of(SampleNote, scope.user_id)):
        yield event
