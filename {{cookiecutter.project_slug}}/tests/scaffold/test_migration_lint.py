"""`app db lint`: which migrations block others, or the previous release."""

from pathlib import Path

import pytest

from app.database.revisions import MIGRATIONS_DIR
from scaffold.migration_lint import lint

SOURCE = """import sqlalchemy as sa
from alembic import op
revision = "{name}"
down_revision = {before!r}
{marks}
def upgrade():
    {steps}

def downgrade():
    op.drop_table("books")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder for migrations."""
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    return tmp_path


def write(root: Path, *steps: str, name: str = "a", before: str | None = None, marks: str = "") -> None:
    """Write a migration with these steps."""
    source = SOURCE.format(name=name, before=before, marks=marks, steps="\n    ".join(steps))
    (root / "migrations" / "versions" / f"{name}.py").write_text(source)


def markers(root: Path) -> set[str]:
    """Return what the migrations do and don't say."""
    return {finding.effect.marker for finding in lint(root / "migrations")}


ADD = "op.add_column('books', sa.Column('isbn', sa.String(13), {0}))"
ALTER = "op.alter_column('books', 'isbn', existing_type=sa.{0}, type_=sa.{1})"


@pytest.mark.any_database
@pytest.mark.parametrize(
    "step",
    [
        "op.create_table('books', sa.Column('id', sa.Uuid(), nullable=False))",
        "op.drop_index('ix_books_isbn', 'books')",
        "op.create_index('ix', 'books', ['isbn'], postgresql_concurrently=True)",
        "op.create_foreign_key('fk', 'books', 'users', ['a'], ['id'], postgresql_not_valid=True)",
        "op.execute('CREATE INDEX CONCURRENTLY ix ON books (isbn)')",
        "op.execute('ALTER TABLE books ADD CONSTRAINT ck CHECK (a > 0) NOT VALID')",
        "op.execute('INSERT INTO books VALUES (1)')",
        ADD.format("nullable=True"),
        ADD.format("nullable=False, server_default='unknown'"),
        ALTER.format("String(13)", "String(20)"),
        ALTER.format("String(13)", "Text()"),
        ALTER.format("Numeric(5, 2)", "Numeric(9, 2)"),
    ],
)
def test_step_that_blocks_nobody_is_accepted(root: Path, step: str) -> None:
    write(root, step)

    assert markers(root) == set()


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("op.drop_table('books')", {"incompatible"}),
        ("op.drop_column('books', 'isbn')", {"incompatible"}),
        ("op.rename_table('books', 'volumes')", {"incompatible"}),
        ("op.alter_column('books', 'isbn', new_column_name='code')", {"incompatible"}),
        ("op.alter_column('books', 'isbn', nullable=False)", {"locks"}),
        ("op.create_index('ix', 'books', ['isbn'])", {"locks"}),
        ("op.create_unique_constraint('uq', 'books', ['isbn'])", {"locks"}),
        ("op.create_check_constraint('ck', 'books', 'a > 0')", {"locks"}),
        ("op.create_foreign_key('fk', 'books', 'users', ['a'], ['id'])", {"locks"}),
        ("op.execute('UPDATE books SET isbn = 1')", {"locks"}),
        ("op.execute('alter table books drop column isbn')", {"incompatible"}),
        ("op.execute(sa.text(f'CREATE UNIQUE INDEX ix ON {1}'))", {"locks"}),
        (ADD.format("nullable=False"), {"incompatible"}),
        (ADD.format("nullable=True, server_default=sa.text('gen_random_uuid()')"), {"locks"}),
        (ALTER.format("String(13)", "String(9)"), {"locks"}),
        (ALTER.format("Integer()", "BigInteger()"), {"locks"}),
    ],
)
def test_step_that_blocks_others_must_say_so(root: Path, step: str, expected: set[str]) -> None:
    write(root, step)
    assert markers(root) == expected

    write(root, step, marks="\n".join(f"{name} = True" for name in expected))
    assert markers(root) == set()


@pytest.mark.any_database
def test_steps_in_a_batch_are_found_with_their_lines(root: Path) -> None:
    write(root, "with op.batch_alter_table('books') as batch_op:", "    batch_op.create_index('ix', ['isbn'])")

    (found,) = lint(root / "migrations")

    assert str(found).startswith("migrations/versions/a.py:8: create_index on books: writes wait")
    assert "online.create_index(name, table, columns)" in str(found)


@pytest.mark.any_database
def test_tables_of_the_migration_and_steps_for_sqlite_affect_nobody(root: Path) -> None:
    write(
        root,
        "op.create_table('books', sa.Column('id', sa.Uuid(), nullable=False))",
        "op.create_index('ix', 'books', ['isbn'])",
        "if op.get_context().dialect.name == 'postgresql':",
        "    op.execute('SELECT 1')",
        "else:",
        "    op.execute('UPDATE authors SET name = 1')",
        "if op.get_context().dialect.name == 'sqlite':",
        "    op.drop_table('authors')",
    )

    assert markers(root) == set()


@pytest.mark.any_database
def test_only_migrations_after_a_revision_are_checked_with_since(root: Path) -> None:
    write(root, "op.drop_table('books')")
    write(root, "op.create_index('ix', 'authors', ['name'])", name="b", before="a")

    assert [finding.path.name for finding in lint(root / "migrations")] == ["a.py", "b.py"]
    assert [finding.path.name for finding in lint(root / "migrations", since="a")] == ["b.py"]


@pytest.mark.any_database
def test_the_migrations_of_the_project_say_what_they_block() -> None:
    assert [str(finding) for finding in lint(MIGRATIONS_DIR)] == []
