"""Every table; importing this package fills `SQLModel.metadata`."""

from service.tables import (
    accounts,
    base,
    calibrations,
    capabilities,
    certificates,
    documents,
    exchange,
    items,
    log,
    operations,
    organizations,
    people,
    plans,
    published,
    recalls,
    schedule,
    sites,
    work_orders,
)

base.admit_only_numbers()

__all__ = [
    "accounts",
    "base",
    "calibrations",
    "capabilities",
    "certificates",
    "documents",
    "exchange",
    "items",
    "log",
    "operations",
    "organizations",
    "people",
    "plans",
    "published",
    "recalls",
    "schedule",
    "sites",
    "work_orders",
]
