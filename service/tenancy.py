"""The wall between organizations: a session that belongs to exactly one of them.

On both engines the session narrows every SELECT, UPDATE and DELETE to its organization and
refuses what it cannot narrow. PostgreSQL holds the same wall again by row-level security.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Never
from uuid import UUID

from sqlalchemy import Alias, Column, Connection, Engine, Select, Table, event, insert, or_, text
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlalchemy.sql import visitors
from sqlmodel import Session, SQLModel, col

import service.tables  # noqa: F401  (every tenant class must be known before the first session)
from service.tables.exchange import Delivery
from service.tables.organizations import AccessGrant, OrganizationSummary
from service.tables.published import (
    CertificateEntry,
    PublishedCalibration,
    PublishedReference,
    PublishedSupersession,
)

TENANT_CLASSES: list[Any] = [
    mapper.class_
    for mapper in SQLModel._sa_registry.mappers  # noqa: SLF001
    if "organization_id" in mapper.local_table.primary_key.columns  # type: ignore[attr-defined]
]
TENANT_TABLES = {table_class.__tablename__ for table_class in TENANT_CLASSES}
WRITER: dict[type[Any], str] = {
    Delivery: "sender_id",
    CertificateEntry: "issuer_id",
    OrganizationSummary: "holder_id",
    PublishedCalibration: "holder_id",
    PublishedReference: "holder_id",
    PublishedSupersession: "holder_id",
}


class CrossesTenants(Exception):
    """A statement or a row would reach beyond the session's organization."""


class TenantSession(Session):
    """A session that sees and writes one organization's rows, and reads what is published."""

    def __init__(self, engine: Engine, organization_id: UUID, *, read_only: bool = False) -> None:
        super().__init__(engine.execution_options(read_only=True) if read_only else engine)
        self.organization_id = organization_id
        self.read_only = read_only
        self.end_of_audit_chain: tuple[int, str] | None = None  # within this transaction
        self._kept: list[Any] = []  # or a row would be loaded again for each mention
        self._criteria = {
            table_class.__table__: _criterion(table_class, organization_id)
            for table_class in TENANT_CLASSES
        }
        event.listen(self, "after_begin", self._enter)
        event.listen(self, "do_orm_execute", self._narrow)
        event.listen(self, "before_flush", self._check_rows)
        event.listen(self, "loaded_as_persistent", self._keep)
        event.listen(self, "pending_to_persistent", self._keep)

    def connection(self, *_args: Any, **_kwargs: Any) -> Never:
        """Refuse: a bare connection belongs to no organization."""
        raise CrossesTenants("a tenant's session gives no connection")

    def insert(self, table_class: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
        """Add many rows in one statement, each stamped as this organization's."""
        if self.read_only:
            raise CrossesTenants("this session only reads")
        if rows:
            self.flush()
            writer = {WRITER.get(table_class, "organization_id"): self.organization_id}
            table: Table = table_class.__table__  # type: ignore[attr-defined]
            super().connection().execute(insert(table), [{**row, **writer} for row in rows])

    def lock_book(self) -> None:
        """Let no other transaction write this organization's sequences until this one ends.

        SQLite's transaction holds the write lock already.
        """
        connection = super().connection()
        if connection.dialect.name == "postgresql":
            key = self.organization_id.int & (2**63 - 1)
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})

    def _enter(self, _session: Any, _transaction: Any, connection: Connection) -> None:
        self.end_of_audit_chain = None
        self._kept.clear()
        if connection.dialect.name != "postgresql":
            return
        if self.read_only:
            connection.execute(text("SET TRANSACTION READ ONLY"))
        # SET LOCAL, not set_config(): Citus hands only the former on to its workers.
        connection.exec_driver_sql(f"SET LOCAL suyuan.organization_id = '{self.organization_id}'")

    def _narrow(self, state: ORMExecuteState) -> None:
        mapped, bare = _sources(state.statement)
        if not state.is_orm_statement or {table.name for table in bare} & TENANT_TABLES:
            raise CrossesTenants("only mapped classes can be narrowed to an organization")
        if state.is_insert or (self.read_only and not state.is_select):
            raise CrossesTenants("rows are added through the session, where each is checked")
        state.statement = state.statement.options(
            *(self._criteria[table] for table in mapped if table in self._criteria)
        )

    def _keep(self, _session: Any, row: Any) -> None:
        self._kept.append(row)

    def _check_rows(self, _session: Any, _context: Any, _instances: Any) -> None:
        for row in (*self.new, *self.dirty, *self.deleted):
            writer = getattr(row, WRITER.get(type(row), "organization_id"), None)
            if self.read_only or writer != self.organization_id:
                raise CrossesTenants(f"{type(row).__name__} is not this organization's to write")


def _criterion(table_class: Any, organization_id: UUID) -> Any:
    visible = table_class.organization_id == organization_id
    if table_class is AccessGrant:
        visible = or_(visible, col(AccessGrant.grantee_id) == organization_id)
    return with_loader_criteria(table_class, visible, include_aliases=True)


def _sources(statement: Any) -> tuple[set[Table], set[Table]]:
    """Return the tables a statement names through mapped classes, and those it names bare.

    `Session.get` names a class's own columns bare, so those count only where the class is absent.
    """
    bare: set[Any] = set()
    mapped: set[Any] = set()
    for element in visitors.iterate(statement):
        annotated = "parententity" in element._annotations  # noqa: SLF001
        if isinstance(element, Column):
            (mapped if annotated else bare).add(element.table)
        elif isinstance(element, (Alias, Table)) and annotated:
            mapped.add(element)
        elif isinstance(element, Alias):
            bare.add(element)
        elif isinstance(element, Select) and not element._propagate_attrs:  # noqa: SLF001
            bare.update(element.get_final_froms())
    tables = [
        {table for table in (getattr(source, "element", source) for source in sources)
         if isinstance(table, Table)}
        for sources in (mapped, bare - mapped)
    ]  # fmt: skip
    return tables[0], tables[1]
