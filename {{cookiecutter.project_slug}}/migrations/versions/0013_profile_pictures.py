"""Create the table of profile pictures."""

import sqlalchemy as sa
from alembic import op

import app.database.column_types

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profile_pictures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("fk_profile_pictures_file_id_files"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_profile_pictures_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_pictures")),
        sa.UniqueConstraint("file_id", name=op.f("uq_profile_pictures_file_id")),
        sa.UniqueConstraint("owner_id", name=op.f("uq_profile_pictures_owner_id")),
    )


def downgrade() -> None:
    op.drop_table("profile_pictures")
