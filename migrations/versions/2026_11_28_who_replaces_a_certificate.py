"""Lets the directory say which certificate has taken the place of an amended one.

Revision: 8a4e6c0d2f31, after 7c41a0e2d9f3
"""

import sqlalchemy as sa
from alembic import op

revision = "8a4e6c0d2f31"
down_revision = "7c41a0e2d9f3"


def upgrade() -> None:
    op.add_column("certificate_entry", sa.Column("replaced_by", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("certificate_entry", "replaced_by")
