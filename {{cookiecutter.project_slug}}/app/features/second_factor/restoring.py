"""Second factors at a change of address: saved with it, and restored when it is taken back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.events import Event
from app.accounts.models import AuthEvent
from app.database import utc_now
from app.features.second_factor.models import LoginChallenge, RecoveryCode, TotpSecret


async def save(session: AsyncSession, user_id: UUID) -> dict[str, Any] | None:
    """Return the confirmed secret, which is encrypted, and the hashed recovery codes that can be used; else none."""
    row = await session.get(TotpSecret, user_id)
    if row is None or row.confirmed_at is None:
        return None
    codes = await _unused_codes(session, user_id)
    return {"secret": row.secret.hex(), "confirmed_at": row.confirmed_at.isoformat(), "codes": codes}


async def restore(session: AsyncSession, user_id: UUID, saved: dict[str, Any] | None, since: datetime) -> None:
    """Put the saved factor in place of one that was added since, or removed; codes that were used stay used."""
    await session.execute(delete(LoginChallenge).where(LoginChallenge.user_id == user_id))
    await _restore_secret(session, user_id, saved)
    used = await _numbers_used(session, user_id, since)
    codes = saved["codes"] if saved else {}
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(
        RecoveryCode(user_id=user_id, number=int(number), code_hash=code_hash)
        for number, code_hash in codes.items()
        if int(number) not in used
    )
    await session.flush()


async def _restore_secret(session: AsyncSession, user_id: UUID, saved: dict[str, Any] | None) -> None:
    row = await session.get(TotpSecret, user_id)
    confirmed_at = datetime.fromisoformat(saved["confirmed_at"]) if saved else None
    if row is not None and row.confirmed_at == confirmed_at and saved:
        return  # nobody replaced it, and no code works twice
    if row is not None:
        await session.delete(row)
        await session.flush()
    if saved:
        secret = bytes.fromhex(saved["secret"])
        session.add(TotpSecret(user_id=user_id, secret=secret, confirmed_at=confirmed_at, created_at=utc_now()))


async def _unused_codes(session: AsyncSession, user_id: UUID) -> dict[str, str]:
    codes = await session.scalars(
        select(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    )
    return {str(code.number): code.code_hash for code in codes}


async def _numbers_used(session: AsyncSession, user_id: UUID, since: datetime) -> set[int | None]:
    """Return the numbers of the codes that were used since: those of another set among them, which does no harm."""
    used = (AuthEvent.user_id == user_id, AuthEvent.name == Event.RECOVERY_CODE_USED, AuthEvent.at >= since)
    return {data.get("number") for data in await session.scalars(select(AuthEvent.data).where(*used))}
