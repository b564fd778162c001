"""Security notifications to account owners.

While a change of address can be taken back, the former address gets them too: a thief may have changed it.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.credentials import one_time_tokens
from app.accounts.credentials.authenticator import Authenticator


async def notify(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, email: str, template: str, **context: object
) -> None:
    """Mail a notice to the user's address, and to the former ones."""
    await authenticator.mailer.enqueue(session, email, template, **context)
    await notify_previous_addresses(session, authenticator, user_id, email, template, **context)


async def notify_previous_addresses(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, email: str, template: str, **context: object
) -> None:
    """Mail a notice to the former addresses that can take the account back, and how they do it."""
    for address in await one_time_tokens.find_previous_addresses(session, user_id):
        if address != email:
            await authenticator.mailer.enqueue(session, address, template, "previous_address", **context)
