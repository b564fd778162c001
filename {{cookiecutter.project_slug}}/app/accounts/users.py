"""User management."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, exists, false, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.credentials.authenticator import Authenticator
from app.accounts.credentials.password_policy import hash_new_password
from app.accounts.email_addresses import normalize_email, parse_email
from app.accounts.models import Role, User, UserRole
from app.accounts.permissions import ADMIN_ROLE
from app.accounts.schemas import AccountRead, AccountUpdate
from app.accounts.scope import Scope
from app.database.base import utc_now
from app.database.connection import Database
from app.database.constraints import taken_column
from app.database.rows import fetch_one, update_row
from app.errors import Conflict, NotFound


class EmailTaken(Conflict):
    """Another account uses this email address."""

    title = "Email address already in use"


class FieldTaken(Conflict):
    """Another account has this value of a unique field, such as a user name that you add."""

    title = "Already in use"

    def __init__(self, field: str) -> None:
        super().__init__(errors=[{"loc": ("body", field), "msg": self.title, "type": "taken"}])


class LastAdmin(Conflict):
    """This would leave no active admin."""

    title = "Can't disable, demote or delete the last active admin"


class UserNotFound(NotFound):
    """No user has this ID or email address."""

    title = "User not found"


_BY_ID = select(User).where(User.id == bindparam("user_id"))  # built once: apps load the account often


def users_for(scope: Scope | None) -> Select[User]:
    """Select the users whose ID and display name the caller may see: for signed-in callers, all active users.

    References to users are limited to them, and forms offer them. To show fewer users, such as those of the caller's
    organization, add a condition. `None` is an anonymous visitor.
    """
    if scope is None:
        return select(User).where(false())
    return select(User).where(User.is_active, User.email_verified_at.is_not(None))


async def find_user_by_email(session: AsyncSession, email: str) -> User | None:
    """Return the user with this email address, compared in normalized form."""
    user: User | None = await session.scalar(select(User).where(User.email_key == normalize_email(email)))
    return user


async def get_user_by_email(session: AsyncSession, email: str) -> User:
    """Return the user with this email address.

    Raises:
        UserNotFound: when no account has it.
    """
    user = await find_user_by_email(session, email)
    if user is None:
        raise UserNotFound(f"No account with the email address {email}.")
    return user


async def has_users(session: AsyncSession) -> bool:
    """Return whether any user exists."""
    return bool(await session.scalar(select(exists().select_from(User))))


async def get_account(session: AsyncSession, scope: Scope) -> AccountRead:
    """Return the caller's own account."""
    account = await fetch_one(session, _BY_ID, AccountRead, user_id=scope.user_id)
    if account is None:
        raise UserNotFound
    return account


async def update_account(session: AsyncSession, account: AccountRead, data: AccountUpdate) -> AccountRead:
    """Change the fields that were sent.

    Raises:
        FieldTaken: when another account has the value of a unique field.
    """
    with _report_taken_fields():
        return await update_row(session, User, account, data.model_dump(exclude_unset=True))


@contextmanager
def _report_taken_fields() -> Iterator[None]:
    """Name the field if the database rejects a write because another account has the value.

    Raises:
        FieldTaken: for any unique field but the email address.
    """
    try:
        yield
    except IntegrityError as error:
        field = taken_column(error, User)
        if field in {None, "email_key"}:
            raise
        raise FieldTaken(str(field)) from error


async def create_user(
    session: AsyncSession, authenticator: Authenticator, *, email: str, password: str, **fields: object
) -> User:
    """Create a user with a verified email address: for the command line, the admin and tests.

    Call it before the session's first statement: no transaction may be open while the password is hashed.

    Raises:
        InvalidEmail: when the address is invalid.
        PasswordTooShort, PasswordTooCommon, PasswordTooLong: by the password policy.
        EmailTaken: when the address is already in use.
        FieldTaken: when another account has the value of another unique field.
    """
    password_hash = await hash_new_password(authenticator, password, parse_email(email))
    return await add_verified_user(session, email=email, password_hash=password_hash, **fields)


async def add_verified_user(
    session: AsyncSession, *, email: str, password_hash: str | None = None, **fields: object
) -> User:
    """Add a user with a verified email address, and other fields of the model: for seed data, imports and tests.

    The hash is one of Argon2, such as `await authenticator.passwords.hash(password)`, computed before the session's
    first statement. Without one, the user can sign in after resetting the password.

    Raises:
        InvalidEmail: when the address is invalid.
        EmailTaken: when the address is already in use.
        FieldTaken: when another account has the value of another unique field.
    """
    address = parse_email(email)
    user = User(
        email=address,
        email_key=normalize_email(address),
        email_verified_at=utc_now(),
        password_hash=password_hash,
        password_changed_at=utc_now() if password_hash else None,
        **fields,
    )
    session.add(user)
    try:
        with _report_taken_fields():
            await session.flush()
    except IntegrityError as error:
        raise EmailTaken from error
    return user


async def create_admin(database: Database, authenticator: Authenticator, *, email: str, password: str) -> None:
    """Create a user with the admin role. Call it outside a transaction.

    Raises:
        EmailTaken: when the address is already in use; that account is unchanged.
    """
    async with database.sessions.begin() as session:
        user = await create_user(session, authenticator, email=email, password=password)
        await grant_admin(session, user)


async def grant_admin(session: AsyncSession, user: User) -> None:
    """Grant the admin role, creating it if needed."""
    role = await session.scalar(select(Role).where(Role.name == ADMIN_ROLE))
    if role is None:
        role = Role(name=ADMIN_ROLE)
        session.add(role)
        await session.flush()
    if await session.get(UserRole, (user.id, role.id)) is None:
        session.add(UserRole(user_id=user.id, role_id=role.id))
        await session.flush()


async def revoke_admin(session: AsyncSession, user: User) -> None:
    """Revoke the admin role.

    Raises:
        LastAdmin: when the user is the last active admin.
    """
    admin_role = select(Role.id).where(Role.name == ADMIN_ROLE).scalar_subquery()
    await session.execute(delete(UserRole).where(UserRole.user_id == user.id, UserRole.role_id == admin_role))
    await require_active_admin(session)


async def require_active_admin(session: AsyncSession) -> None:
    """Check that an active admin remains. Call it after the change, in the same transaction.

    The lock serializes concurrent changes, each of which would otherwise still see the admin that the other removes.

    Raises:
        LastAdmin: when no active admin remains.
    """
    admin_role = select(Role.id).where(Role.name == ADMIN_ROLE)
    role_id = await session.scalar(admin_role.with_for_update(key_share=True))
    left = exists().where(UserRole.role_id == role_id, UserRole.user_id == User.id, User.is_active)
    if not await session.scalar(select(left)):
        raise LastAdmin


async def _get_user(session: AsyncSession, user_id: UUID) -> User:
    user = await session.get(User, user_id)
    if user is None:
        raise UserNotFound
    return user
