"""Security notifications to account owners.

While an email change can be reverted, the previous address gets them too: an attacker may have changed it.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.credentials import one_time_tokens
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.credentials.one_time_tokens import PreviousAddresses


async def notify(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, email: str, template: str, **context: object
) -> None:
    """Send a notification to the user's current and previous addresses, in the language of the account."""
    previous = await one_time_tokens.find_previous_addresses(session, user_id)
    await authenticator.mailer.enqueue(session, email, template, locale=previous.locale, owner_id=user_id, **context)
    await _send(session, authenticator, user_id, previous, email, template, context)


async def notify_previous_addresses(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, email: str, template: str, **context: object
) -> None:
    """Send a notification to the previous addresses that can still revert, with instructions."""
    previous = await one_time_tokens.find_previous_addresses(session, user_id)
    await _send(session, authenticator, user_id, previous, email, template, context)


async def _send(  # noqa: PLR0913, PLR0917 - the parts of a notification
    session: AsyncSession,
    authenticator: Authenticator,
    user_id: UUID,
    previous: PreviousAddresses,
    email: str,
    template: str,
    context: Mapping[str, object],
) -> None:
    for address in previous.addresses:
        if address != email:
            await authenticator.mailer.enqueue(
                session, address, template, "previous_address", locale=previous.locale, owner_id=user_id, **context
            )
