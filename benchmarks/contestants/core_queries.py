"""SQLAlchemy Core statements, built once."""

from sqlalchemy import bindparam, insert, select, update

from benchmarks.contestants.cursors import PAGE
from benchmarks.contestants.tables import Item, User

_users, _items = User.__table__.c, Item.__table__.c
_item = (
    _items.id,
    _items.version,
    _items.created_at,
    _items.updated_at,
    _items.title,
    _items.body,
)
_of_owner = _items.owner_id == bindparam("owner")

USER = select(
    _users.id,
    _users.version,
    _users.created_at,
    _users.updated_at,
    _users.email,
    _users.email_verified_at,
    _users.display_name,
    _users.locale,
    _users.last_login_at,
).where(_users.id == bindparam("id"), _users.is_active)
LOGIN = select(_users.id, _users.password_hash).where(_users.email == bindparam("email"))
ITEM = select(*_item).where(_items.id == bindparam("id"), _of_owner)
FIRST_PAGE = select(*_item).where(_of_owner).order_by(_items.id.desc()).limit(PAGE + 1)
PAGE_AFTER = FIRST_PAGE.where(_items.id < bindparam("after"))
INSERT = insert(Item.__table__).values(version=1).returning(*_item)
UPDATE = (
    update(Item.__table__)
    .where(_items.id == bindparam("key"), _of_owner, _items.version == bindparam("read"))
    .values(title=bindparam("title"), version=_items.version + 1)
    .returning(*_item)
)
