"""Create the tables of accounts, outgoing email and rate limits."""

import sqlalchemy as sa
from alembic import op

import app.database.column_types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "roles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("name", name=op.f("uq_roles_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("email_verified_at", app.database.column_types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("password_changed_at", app.database.column_types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("display_name", sa.String(length=120), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("last_login_at", app.database.column_types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
    )
    op.create_table(
        "auth_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("token_issued_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("previous_token_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("remember", sa.Boolean(), nullable=False),
        sa.Column("authenticated_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("idle_expires_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ip_first", sa.String(length=45), nullable=False),
        sa.Column("ip_last", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.Column("revoked_at", app.database.column_types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.String(length=32), nullable=True),
        sa.Column("impersonator_session_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["impersonator_session_id"],
            ["auth_sessions.id"],
            name=op.f("fk_auth_sessions_impersonator_session_id_auth_sessions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_auth_sessions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_sessions")),
        sa.UniqueConstraint("previous_token_hash", name=op.f("uq_auth_sessions_previous_token_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_auth_sessions_token_hash")),
    )
    with op.batch_alter_table("auth_sessions") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_auth_sessions_impersonator_session_id"), ["impersonator_session_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_auth_sessions_user_id"), ["user_id"], unique=False)
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_user_roles_role_id_roles"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_roles_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_roles")),
    )
    with op.batch_alter_table("user_roles") as batch_op:
        batch_op.create_index(batch_op.f("ix_user_roles_role_id"), ["role_id"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=16), nullable=True),
        sa.Column("created_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", app.database.column_types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["refresh_tokens.id"],
            name=op.f("fk_refresh_tokens_parent_id_refresh_tokens"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["auth_sessions.id"],
            name=op.f("fk_refresh_tokens_session_id_auth_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("parent_id", name=op.f("uq_refresh_tokens_parent_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    with op.batch_alter_table("refresh_tokens") as batch_op:
        batch_op.create_index(batch_op.f("ix_refresh_tokens_session_id"), ["session_id"], unique=False)
    op.create_table(
        "attempt_counts",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expires_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempt_counts")),
    )
    with op.batch_alter_table("attempt_counts") as batch_op:
        batch_op.create_index(batch_op.f("ix_attempt_counts_expires_at"), ["expires_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.String(length=80), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", app.database.column_types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("failed_at", app.database.column_types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outbox_sent_at_failed_at_next_attempt_at"),
            ["sent_at", "failed_at", "next_attempt_at"],
            unique=False,
        )
    op.create_table(
        "auth_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("ip", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("target_type", sa.String(length=63), nullable=True),
        sa.Column("target_id", sa.String(length=64), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_auth_events_actor_id_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_auth_events_user_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_events")),
    )
    with op.batch_alter_table("auth_events") as batch_op:
        batch_op.create_index(batch_op.f("ix_auth_events_actor_id"), ["actor_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_auth_events_name_id"), ["name", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_auth_events_target_type_target_id_id"), ["target_type", "target_id", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_auth_events_user_id"), ["user_id"], unique=False)
    op.create_table(
        "one_time_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sent_to", sa.String(length=320), nullable=False),
        sa.Column("created_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", app.database.column_types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", app.database.column_types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_one_time_tokens_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_one_time_tokens_token_hash")),
    )
    with op.batch_alter_table("one_time_tokens") as batch_op:
        batch_op.create_index(batch_op.f("ix_one_time_tokens_user_id"), ["user_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("one_time_tokens") as batch_op:
        batch_op.drop_index(batch_op.f("ix_one_time_tokens_user_id"))
    op.drop_table("one_time_tokens")
    with op.batch_alter_table("auth_events") as batch_op:
        batch_op.drop_index(batch_op.f("ix_auth_events_user_id"))
        batch_op.drop_index(batch_op.f("ix_auth_events_target_type_target_id_id"))
        batch_op.drop_index(batch_op.f("ix_auth_events_name_id"))
        batch_op.drop_index(batch_op.f("ix_auth_events_actor_id"))
    op.drop_table("auth_events")
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_sent_at_failed_at_next_attempt_at"))
    op.drop_table("outbox")
    with op.batch_alter_table("attempt_counts") as batch_op:
        batch_op.drop_index(batch_op.f("ix_attempt_counts_expires_at"))
    op.drop_table("attempt_counts")
    with op.batch_alter_table("refresh_tokens") as batch_op:
        batch_op.drop_index(batch_op.f("ix_refresh_tokens_session_id"))
    op.drop_table("refresh_tokens")
    with op.batch_alter_table("user_roles") as batch_op:
        batch_op.drop_index(batch_op.f("ix_user_roles_role_id"))
    op.drop_table("user_roles")
    with op.batch_alter_table("auth_sessions") as batch_op:
        batch_op.drop_index(batch_op.f("ix_auth_sessions_user_id"))
        batch_op.drop_index(batch_op.f("ix_auth_sessions_impersonator_session_id"))
    op.drop_table("auth_sessions")
    op.drop_table("users")
    op.drop_table("roles")
