"""Make the function that text search compares with: what `fold` of app/database/engine.py does, in SQL.

SQLite calls Python instead.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The first that the server has: the first is in every PostgreSQL from 17 on, the second in those built with ICU.
COLLATIONS = ("pg_c_utf8", "und-x-icu", "C.utf8", "C.UTF-8", "en_US.utf8", "default")

# Text of ASCII alone, which is most of it, takes the short way: to normalize takes five times as long as to search.
# Not STRICT, or PostgreSQL would not inline it.
FUNCTION = """
CREATE FUNCTION fold_text(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length($1) = length($1) THEN lower($1 COLLATE pg_catalog."C")
    ELSE replace(
        lower(translate(normalize($1, NFKC), 'İςΣ', 'iσσ') COLLATE pg_catalog."{collation}"), 'ß', 'ss'
    ) COLLATE pg_catalog."C" END
$$
"""  # noqa: RUF001 - Greek


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        query = sa.text("SELECT collname FROM pg_collation WHERE collencoding IN (-1, pg_char_to_encoding('UTF8'))")
        known = set(connection.scalars(query))
        op.execute(FUNCTION.format(collation=next(name for name in COLLATIONS if name in known)))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION fold_text(text)")
