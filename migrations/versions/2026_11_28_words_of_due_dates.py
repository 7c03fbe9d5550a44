"""Keeps beside each due date by what its item is sorted and found, so that a board reads it alone.

Revision: 5b9d2e71c0a4, after 1f8d3a6e92c7

Empty for the rows that are there: the worker derives each book anew when it starts.
"""

import sqlalchemy as sa
from alembic import op

revision = "5b9d2e71c0a4"
down_revision = "1f8d3a6e92c7"


def upgrade() -> None:
    for name in ("serial_number", "words"):
        op.add_column("due_date", sa.Column(name, sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    for name in ("serial_number", "words"):
        op.drop_column("due_date", name)
