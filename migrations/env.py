"""Alembic's environment: online only, on the connection the caller gives."""

from typing import Any

import sqlalchemy as sa
from alembic import context
from sqlmodel import SQLModel

import service.tables  # noqa: F401  (fills the metadata)


def render_item(kind: str, item: Any, _autogen: Any) -> str | bool:
    """Write our own column types as the plain types they store, so history needs no app code."""
    if kind == "type" and isinstance(item, sa.types.TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
