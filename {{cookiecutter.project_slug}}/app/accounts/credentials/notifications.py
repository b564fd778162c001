"""Security notifications to account owners.

While an email change can be reverted, the previous address gets them too: an attacker may have changed it.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.credentials import one_time_tokens
from app.accounts.credentials.authenticator import Authenticator


async def notify(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, email: str, template: str, **context: object
) -> None:
    """Send a notification to the user's current and previous addresses."""
    await authenticator.mailer.enqueue(session, email, template, **context)
    await notify_previous_addresses(session, authenticator, user_id, email, template, **context)


async def notify_previous_addresses(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, email: str, template: str, **context: object
) -> None:
    """Send a notification to the previous addresses that can still revert, with instructions."""
    for address in await one_time_tokens.find_previous_addresses(session, user_id):
        if address != email:
            await authenticator.mailer.enqueue(session, address, template, "previous_address", **context)
