"""Every table; importing this package fills `SQLModel.metadata`."""

from service.tables import (
    base,
    calibrations,
    certificates,
    exchange,
    items,
    operations,
    organizations,
    people,
    published,
    work_orders,
)

__all__ = [
    "base",
    "calibrations",
    "certificates",
    "exchange",
    "items",
    "operations",
    "organizations",
    "people",
    "published",
    "work_orders",
]
