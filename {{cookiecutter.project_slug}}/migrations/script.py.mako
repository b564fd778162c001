"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}

If the previous release cannot run on the new schema, add `incompatible = True`: it then reports "not ready".
"""

import sqlalchemy as sa
from alembic import op

import app.database.column_types
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
