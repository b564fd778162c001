"""Live updates of notes: a stream of what changes."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.accounts.api.dependencies import CurrentScope, InvalidToken
from app.api.error_handlers import openapi_responses
from app.features.notes.models import Note
from app.live.publishing import publish_changes, topic_of
from app.live.streams import LiveDep, listen

publish_changes(Note, "owner_id")

router = APIRouter(prefix="/notes", tags=["notes"], responses=openapi_responses(InvalidToken))


@router.get("/live", response_class=EventSourceResponse)
async def stream_notes(live: LiveDep, scope: CurrentScope) -> AsyncIterator[ServerSentEvent]:
    """Stream an event when one of your notes is created, updated or deleted."""
    async for event in listen(live, topic_of(Note, scope.user_id)):
        yield event
