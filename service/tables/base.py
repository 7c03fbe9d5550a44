"""Shared columns, the naming of constraints, and the marks that the database's guards follow."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    Float,
    ForeignKeyConstraint,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

APPEND_ONLY = {"info": {"append_only": True}}
Json = JSON().with_variant(JSONB(), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in time; refuses naive datetimes and always returns UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class ReportedDecimal(TypeDecorator[Decimal]):
    """A number as it was reported: 10.00 stays 10.00, because its digits carry meaning."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not value.is_finite():
            raise ValueError(f"not a finite number: {value}")
        return str(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class FiniteFloat(TypeDecorator[float]):
    """A float that is a number: SQLite would keep NaN as NULL, as if nobody had said anything."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: float | None, _dialect: Dialect) -> float | None:
        if value is not None and not isfinite(value):
            raise ValueError(f"not a finite number: {value}")
        return value


def admit_only_numbers() -> None:
    """Let no float column of any table take NaN or infinity."""
    for table in SQLModel.metadata.tables.values():
        for column in table.columns:
            if type(column.type) is Float:
                column.type = FiniteFloat()


class TenantRow(SQLModel):
    """A row in one organization's book; both columns are its primary key, in this order."""

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    id: UUID = Field(default_factory=uuid7, primary_key=True)


def within_tenant(columns: Sequence[str], table: str) -> ForeignKeyConstraint:
    """Return a foreign key that cannot leave the organization, because its id is part of it."""
    return ForeignKeyConstraint(
        ["organization_id", *columns], [f"{table}.organization_id", f"{table}.id"]
    )


def one_of(column: str, *values: str) -> CheckConstraint:
    """Return the check that a column holds one of a few words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def finite(*columns: str) -> CheckConstraint:
    """Return the check that numbers are numbers: neither infinite nor NaN."""
    return CheckConstraint(
        " AND ".join(f"({column} IS NULL OR {column} BETWEEN -1e300 AND 1e300)"
                     for column in columns),
        name="finite",
    )  # fmt: skip
