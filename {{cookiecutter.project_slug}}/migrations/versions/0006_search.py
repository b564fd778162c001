"""Create the SQL function `fold_text` for text search; SQLite calls the one in app/database/engine.py instead."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The first one that exists is used. PostgreSQL 17 and later have the first, builds with ICU the second.
COLLATIONS = ("pg_c_utf8", "und-x-icu", "C.utf8", "C.UTF-8", "en_US.utf8", "default")

# ASCII text, the most frequent, skips the normalization, which takes five times as long as the search itself.
# Not STRICT, because PostgreSQL would not inline it.
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
