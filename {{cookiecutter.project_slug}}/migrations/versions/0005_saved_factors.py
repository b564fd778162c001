"""Save the second factors of an account with the token that reverts an email change."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("one_time_tokens") as table:
        table.add_column(sa.Column("saved_second_factors", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("one_time_tokens") as table:
        table.drop_column("saved_second_factors")
