"""Saves the second factor when the email address changes, and restores it when the change is reverted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.events import Event
from app.accounts.models import AuthEvent
from app.database.base import utc_now
from app.features.second_factor.models import LoginChallenge, RecoveryCode, TotpSecret
from app.features.second_factor.totp import TIME_STEP_SECONDS


async def save(session: AsyncSession, user_id: UUID) -> dict[str, Any] | None:
    """Return the encrypted secret and the hashes of the unused recovery codes; None if it is not enabled."""
    row = await session.get(TotpSecret, user_id)
    if row is None or row.confirmed_at is None:
        return None
    unused = RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    codes = await session.execute(select(RecoveryCode.number, RecoveryCode.code_hash).where(*unused))
    return {"secret": row.secret.hex(), "codes": [[*code] for code in codes]}


async def restore(session: AsyncSession, user_id: UUID, saved: dict[str, Any] | None, since: datetime) -> None:
    """Replace the second factor with the saved one. Codes used since then remain used."""
    for table in (LoginChallenge, RecoveryCode, TotpSecret):
        await session.execute(delete(table).where(table.user_id == user_id))
    if saved is None:
        return
    used = (AuthEvent.user_id == user_id, AuthEvent.name == Event.RECOVERY_CODE_USED, AuthEvent.at >= since)
    numbers = {data.get("number") for data in await session.scalars(select(AuthEvent.data).where(*used))}
    now = utc_now()
    step = int(now.timestamp()) // TIME_STEP_SECONDS  # the current code may have been used
    secret = bytes.fromhex(saved["secret"])
    session.add(TotpSecret(user_id=user_id, secret=secret, confirmed_at=now, last_used_step=step))
    codes = [(number, code_hash) for number, code_hash in saved["codes"] if number not in numbers]
    session.add_all(RecoveryCode(user_id=user_id, number=number, code_hash=code_hash) for number, code_hash in codes)
    await session.flush()
