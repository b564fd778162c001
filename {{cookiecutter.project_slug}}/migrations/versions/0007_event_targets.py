"""Store primary keys of any length in events, such as texts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("auth_events") as table:
        table.alter_column("target_id", existing_type=sa.String(length=64), type_=sa.Text(), existing_nullable=True)


def downgrade() -> None:
    op.execute("UPDATE auth_events SET target_id = substr(target_id, 1, 64) WHERE length(target_id) > 64")
    with op.batch_alter_table("auth_events") as table:
        table.alter_column("target_id", existing_type=sa.Text(), type_=sa.String(length=64), existing_nullable=True)
