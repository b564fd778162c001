"""Move emails that aren't sent yet from the outbox to the jobs."""

import sqlalchemy as sa
from alembic import op

import app.database.column_types

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
incompatible = True  # older releases queue emails in the outbox


def upgrade() -> None:
    # Payloads stay encrypted. Sent emails have none.
    payload = _either(
        "json_object('encrypted', CAST(payload AS TEXT))",
        "json_build_object('encrypted', convert_from(payload, 'UTF8'))",
    )
    op.execute(f"""
        INSERT INTO jobs (
            id, version, created_at, updated_at, name, queue, label, arguments, priority,
            due_at, attempts, state, last_error, ended_at
        )
        SELECT
            id, version, created_at, updated_at, 'mail.send', 'mail', template, {payload}, 0,
            next_attempt_at, attempts, CASE WHEN failed_at IS NULL THEN 'pending' ELSE 'failed' END,
            last_error, failed_at
        FROM outbox WHERE payload IS NOT NULL AND sent_at IS NULL
    """)  # noqa: S608 - no input
    op.drop_table("outbox")


def downgrade() -> None:
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
    op.create_index(
        op.f("ix_outbox_sent_at_failed_at_next_attempt_at"), "outbox", ["sent_at", "failed_at", "next_attempt_at"]
    )
    payload = _either("CAST(arguments ->> 'encrypted' AS BLOB)", "convert_to(arguments ->> 'encrypted', 'UTF8')")
    op.execute(f"""
        INSERT INTO outbox (
            id, version, created_at, updated_at, template, payload, next_attempt_at, attempts, last_error, failed_at
        )
        SELECT
            id, version, created_at, updated_at, label, {payload}, due_at, attempts, last_error,
            CASE WHEN state = 'failed' THEN ended_at END
        FROM jobs WHERE name = 'mail.send' AND state IN ('pending', 'running', 'failed')
    """)  # noqa: S608 - no input
    op.execute("DELETE FROM jobs WHERE name = 'mail.send'")


def _either(sqlite: str, postgresql: str) -> str:
    return sqlite if op.get_bind().dialect.name == "sqlite" else postgresql
