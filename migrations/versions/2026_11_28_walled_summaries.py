"""Keeps what an organization states of its numbers to itself and to whoever sums over all.

Revision: 0c5e91b7d4a8, after e7b40c6d19a2

Until now every organization could read the row of every other.
"""

from alembic import op

revision = "0c5e91b7d4a8"
down_revision = "e7b40c6d19a2"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
SUMMING = "current_setting('suyuan.summing', true) = 'on'"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"ALTER POLICY readable ON organization_summary USING (holder_id = {ME} OR {SUMMING})"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER POLICY readable ON organization_summary USING (true)")
