"""The wall between organizations: a session that belongs to exactly one of them.

On both engines the session narrows every SELECT, UPDATE and DELETE to its organization and
refuses what it cannot narrow. PostgreSQL holds the same wall again by row-level security.
The log-in, which comes before any organization, has a session of its own that reaches no book.
"""
# ruff: noqa: SLF001  (what a statement is made of, SQLAlchemy says in private attributes alone)

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Never
from uuid import UUID

from sqlalchemy import (
    CTE,
    Alias,
    ClauseElement,
    Connection,
    Engine,
    Select,
    Subquery,
    Table,
    event,
    insert,
    inspect,
    or_,
    text,
)
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlalchemy.sql import util, visitors
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import ForUpdateArg
from sqlmodel import Session, SQLModel

import service.tables  # noqa: F401  (every tenant class must be known before the first session)
from service.tables.accounts import (
    Account,
    FederatedIdentity,
    Invitation,
    LoginSession,
    Membership,
)
from service.tables.calibrations import (
    Calibration,
    CalibrationReference,
    CalibrationSupersession,
)
from service.tables.certificates import (
    Certificate,
    CertificateCalibration,
    CertificateFile,
    CertificateStatus,
)
from service.tables.exchange import Delivery
from service.tables.items import Item
from service.tables.log import LogLeaf, LogNode, SealRecord
from service.tables.organizations import (
    AccessGrant,
    AccessGrantEnding,
    Authorisation,
    Organization,
    OrganizationSummary,
)
from service.tables.people import Identity
from service.tables.published import (
    CertificateEntry,
    PublishedCalibration,
    PublishedReference,
    PublishedSupersession,
)

if TYPE_CHECKING:
    import polars as pl

TENANT_CLASSES: list[Any] = [
    mapper.class_
    for mapper in SQLModel._sa_registry.mappers
    if "organization_id" in mapper.local_table.primary_key.columns  # type: ignore[attr-defined]
]
TENANT_TABLES = {table_class.__tablename__ for table_class in TENANT_CLASSES}
WRITER: dict[type[Any], str] = {
    Delivery: "sender_id",
    CertificateEntry: "issuer_id",
    LogLeaf: "issuer_id",
    LogNode: "issuer_id",
    OrganizationSummary: "holder_id",
    PublishedCalibration: "holder_id",
    PublishedReference: "holder_id",
    PublishedSupersession: "holder_id",
    SealRecord: "issuer_id",
}
OF_THE_LOG_IN = {Account, FederatedIdentity, Invitation, LoginSession, Membership}
READABLE = {*TENANT_CLASSES, *WRITER, Organization, Authorisation}
# What the parts of a book are made of that an organization may let a regulator read.
PARTS: dict[str, frozenset[type[Any]]] = {
    "items": frozenset({Item}),
    "calibrations": frozenset({Calibration}),
    "certificates": frozenset({Certificate, CertificateFile, CertificateStatus}),
    "findings": frozenset({
        Calibration, CalibrationReference, CalibrationSupersession, Certificate,
        CertificateCalibration, Item,
    }),
}  # fmt: skip
# What a statement may be made of; whatever else SQLAlchemy has or will have is refused.
VALUES = frozenset({
    "alias", "bindparam", "case", "cast", "clauselist", "false", "function", "grouping", "label",
    "label_reference", "null", "over", "select_statement_grouping", "subquery", "table", "true",
    "tuple", "typeclause",
})  # fmt: skip
OPERATIONS = frozenset({"binary", "expression_clauselist", "unary"})
QUERIES = frozenset({"compound_select", "cte", "delete", "select", "update"})
ENTITY = "parententity"  # under which the ORM notes a class on what is written through it
TEXT_BESIDE = ("_prefixes", "_suffixes", "_hints", "_statement_hints")


class CrossesTenants(Exception):
    """A statement or a row would reach beyond the session's organization."""


class TenantSession(Session):
    """A session that sees and writes one organization's rows, and reads what is published."""

    def __init__(self, engine: Engine, organization_id: UUID, *, read_only: bool = False) -> None:
        super().__init__(engine.execution_options(read_only=True) if read_only else engine)
        self.organization_id = organization_id
        self.read_only = read_only
        self._readable: set[type[Any]] = READABLE
        self._kept: list[Any] = []  # or a row would be loaded again for each mention
        self._criteria = {
            table_class: _criterion(table_class, organization_id)
            for table_class in (*TENANT_CLASSES, OrganizationSummary)
        }
        event.listen(self, "after_begin", self._enter)
        event.listen(self, "do_orm_execute", self._narrow)
        event.listen(self, "before_attach", self._check_origin)
        event.listen(self, "before_flush", self._check_rows)
        event.listen(self, "loaded_as_persistent", self._keep)
        event.listen(self, "pending_to_persistent", self._keep)

    def connection(self, *_args: Any, **_kwargs: Any) -> Never:
        """Refuse: a bare connection belongs to no organization."""
        raise CrossesTenants("a tenant's session gives no connection")

    def _bulk_save_mappings(self, *_args: Any, **_kwargs: Any) -> Never:
        raise CrossesTenants("many rows are added by `insert`, which stamps each")

    def insert(self, table_class: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
        """Add many rows in one statement, each stamped as this organization's."""
        if self.read_only:
            raise CrossesTenants("this session only reads")
        writer = _writer(table_class)
        if rows:
            self.flush()
            super().connection().execute(
                insert(table_class.__table__),  # type: ignore[attr-defined]
                [{**row, writer: self.organization_id} for row in rows],
            )

    def upsert(
        self, table_class: type[SQLModel], frame: "pl.DataFrame", *, changing: Sequence[str]
    ) -> None:
        """Add thousands of rows of the own book, or change columns of those that are there.

        Args:
            frame: as `service.bulk` takes it: a column for each of the table's, but for the
                organization's, which every row gets.
        """
        from service import bulk  # noqa: PLC0415  (only who handles thousands waits for it)

        if self.read_only or table_class not in TENANT_CLASSES:
            raise CrossesTenants(f"{table_class.__name__} is not this session's to write")
        self.flush()
        if len(frame):
            table: Table = table_class.__table__  # type: ignore[attr-defined]
            bulk.upsert(
                super().connection(),
                table,
                frame,
                organization_id=self.organization_id,
                changing=changing,
            )

    def change_rows(self, table_class: type[SQLModel], frame: "pl.DataFrame") -> None:
        """Change thousands of rows of the own book that are there.

        Args:
            frame: what of the primary key is not the organization, and the columns to be changed.
        """
        from service import bulk  # noqa: PLC0415

        if self.read_only or table_class not in TENANT_CLASSES:
            raise CrossesTenants(f"{table_class.__name__} is not this session's to write")
        self.flush()
        if len(frame):
            table: Table = table_class.__table__  # type: ignore[attr-defined]
            bulk.change(super().connection(), table, frame, organization_id=self.organization_id)

    def columns(self, table_class: type[SQLModel], names: Sequence[str]) -> "pl.DataFrame":
        """Return some columns of all rows of the own book, as `service.bulk` tells them."""
        from service import bulk  # noqa: PLC0415

        if table_class not in TENANT_CLASSES or table_class not in self._readable:
            raise CrossesTenants(f"{table_class.__name__} is in no book that this session reads")
        self.flush()
        table: Table = table_class.__table__
        return bulk.columns(
            super().connection(),
            table,
            [table.columns[name].name for name in names],
            organization_id=self.organization_id,
        )

    def lock_book(self) -> None:
        """Let no other transaction write this organization's sequences until this one ends.

        SQLite's transaction holds the write lock already.
        """
        connection = super().connection()
        if connection.dialect.name == "postgresql":
            key = self.organization_id.int & (2**63 - 1)
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})

    def try_lock(self, name: str) -> bool:
        """Let no other transaction of this organization do the same at once; False if one does.

        SQLite's transaction holds the write lock already.
        """
        connection = super().connection()
        if connection.dialect.name != "postgresql":
            return True
        said = f"{self.organization_id} {name}".encode()
        key = int.from_bytes(sha256(said).digest()[:8], signed=True)
        statement = text("SELECT pg_try_advisory_xact_lock(:key)")
        return bool(connection.scalar(statement, {"key": key}))

    @contextmanager
    def logging_in(self) -> Iterator["LogInSession"]:
        """Yield a session of the log-in within this one's transaction."""
        self.flush()
        connection = super().connection()
        with LogInSession(connection) as accounts:
            yield accounts
            accounts.commit()  # flushes; the transaction is this session's
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL suyuan.log_in = 'off'")

    def _enter(self, _session: Any, _transaction: Any, connection: Connection) -> None:
        self._kept.clear()
        if connection.dialect.name != "postgresql":
            return
        if self.read_only:
            connection.execute(text("SET TRANSACTION READ ONLY"))
        # SET LOCAL, not set_config(): Citus hands only the former on to its workers.
        connection.exec_driver_sql(f"SET LOCAL suyuan.organization_id = '{self.organization_id}'")

    def _narrow(self, state: ORMExecuteState) -> None:
        if not state.is_orm_statement:
            raise CrossesTenants("only mapped classes can be narrowed to an organization")
        if not state.is_select:
            self._check_change(state)
        classes = _classes(state.statement)
        if not classes <= self._readable:
            raise CrossesTenants("the log-in alone reads accounts, and a grantee what is granted")
        state.statement = state.statement.options(
            *(self._criteria[c] for c in classes if c in self._criteria)
        )

    def _check_change(self, state: ORMExecuteState) -> None:
        if state.is_insert or self.read_only or state.parameters:
            raise CrossesTenants("rows are added through the session, where each is checked")
        changed_class = getattr(state.bind_mapper, "class_", None)
        changed = {
            getattr(name, "key", name) for name in getattr(state.statement, "_values", None) or ()
        }
        if changed_class not in TENANT_CLASSES or "organization_id" in changed:
            raise CrossesTenants("only rows of the own book are changed, and they stay in it")

    def _keep(self, _session: Any, row: Any) -> None:
        self._kept.append(row)

    def _check_origin(self, _session: Any, row: Any) -> None:
        if inspect(row).detached:
            raise CrossesTenants("a row of another session was not found in this organization's")

    def _check_rows(self, _session: Any, _context: Any, _instances: Any) -> None:
        for row in (*self.new, *self.dirty, *self.deleted):
            state = inspect(row)
            writer = _writer(type(row))
            moved = state.persistent and writer in state.committed_state
            if self.read_only or moved or getattr(row, writer) != self.organization_id:
                raise CrossesTenants(f"{type(row).__name__} is not this organization's to write")
            if any(
                hasattr(row.__dict__.get(name), "__clause_element__")
                or isinstance(row.__dict__.get(name), ClauseElement)
                for name in state.committed_state
            ):
                raise CrossesTenants("a row holds values, not SQL")


class GrantedSession(TenantSession):
    """A session of another's book that reads one part of it, and writes nothing.

    That the part is granted, whoever builds it has asked: `service.regulated.granted`.
    """

    def __init__(self, engine: Engine, organization_id: UUID, part: str) -> None:
        super().__init__(engine, organization_id, read_only=True)
        self._readable = READABLE - set(TENANT_CLASSES) | PARTS[part]

    def logging_in(self) -> Never:
        """Refuse: accounts are no part of a book."""
        raise CrossesTenants("a grantee reads no accounts")


class LogInSession(Session):
    """A session of the log-in: accounts, invitations and log-ins, and no organization's rows."""

    def __init__(self, bind: Engine | Connection, *, read_only: bool = False) -> None:
        super().__init__(bind.execution_options(read_only=True) if read_only else bind)
        event.listen(self, "after_begin", self._enter)
        event.listen(self, "do_orm_execute", self._check_statement)
        event.listen(self, "before_flush", self._check_rows)

    def _enter(self, _session: Any, _transaction: Any, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL suyuan.log_in = 'on'")

    def _check_statement(self, state: ORMExecuteState) -> None:
        if not state.is_select or not _classes(state.statement) <= OF_THE_LOG_IN:
            raise CrossesTenants("the log-in reads accounts, no book")

    def _check_rows(self, _session: Any, _context: Any, _instances: Any) -> None:
        changed = {type(row) for row in (*self.dirty, *self.deleted)}
        if not changed <= OF_THE_LOG_IN or not {*map(type, self.new)} <= {*OF_THE_LOG_IN, Identity}:
            raise CrossesTenants("the log-in writes accounts, no book")


class SummingSession(Session):
    """A session that reads what every organization stated of its numbers, and nothing else.

    What may be told of that, `service.suppression` says.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.execution_options(read_only=True))
        event.listen(self, "after_begin", self._enter)
        event.listen(self, "do_orm_execute", self._check_statement)
        event.listen(self, "before_flush", self._refuse_rows)

    def connection(self, *_args: Any, **_kwargs: Any) -> Never:
        """Refuse: a bare connection reads more than what was stated."""
        raise CrossesTenants("a session that sums gives no connection")

    def _enter(self, _session: Any, _transaction: Any, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET TRANSACTION READ ONLY"))
            connection.exec_driver_sql("SET LOCAL suyuan.summing = 'on'")

    def _check_statement(self, state: ORMExecuteState) -> None:
        if not state.is_select or _classes(state.statement) != {OrganizationSummary}:
            raise CrossesTenants("who sums reads what organizations stated, no book")

    def _refuse_rows(self, _session: Any, _context: Any, _instances: Any) -> Never:
        raise CrossesTenants("who sums writes nothing")


def _writer(table_class: type[Any]) -> str:
    """Return the column that says who wrote a row."""
    if table_class not in WRITER and table_class not in TENANT_CLASSES:
        raise CrossesTenants(f"{table_class.__name__} is the operator's to write")
    return WRITER.get(table_class, "organization_id")


def _criterion(table_class: Any, organization_id: UUID) -> Any:
    whose = "organization_id" if table_class in TENANT_CLASSES else WRITER[table_class]
    visible = getattr(table_class, whose) == organization_id
    if table_class in (AccessGrant, AccessGrantEnding):
        visible = or_(visible, table_class.grantee_id == organization_id)
    return with_loader_criteria(table_class, visible, include_aliases=True)


def _classes(statement: Any) -> set[type[Any]]:
    """Return the mapped classes that a statement reads or changes.

    Raises:
        CrossesTenants: a part of it is not understood, or reads a table where it is not narrowed.
    """
    classes: set[type[Any]] = set()
    for element in visitors.iterate(statement):
        kind = element.__visit_name__
        if kind not in VALUES and not _is_understood(element, kind):
            raise CrossesTenants(f"what this says cannot be narrowed to an organization: {element}")
        if kind == "select" or (element is statement and kind != "compound_select"):
            narrowed = {of.selectable: of.mapper for of in _narrowed(element) if of is not None}
            for source in _sources(element):
                if not isinstance(source, (Subquery, CTE)):
                    classes.add(_mapped(source, narrowed))
        elif kind in ("update", "delete"):
            raise CrossesTenants("one statement reads or changes, not both")
    return classes


def _is_understood(element: Any, kind: str) -> bool:
    """Whether a part of a statement that could carry SQL as text is known and carries none."""
    if kind == "column":
        return not element.is_literal or element.name == "*"
    if isinstance(element, ForUpdateArg):
        return element.of is None  # rows of the statement itself, which is narrowed
    if kind in OPERATIONS:
        return not isinstance(element.operator, custom_op)
    return kind in QUERIES and not any(getattr(element, name, None) for name in TEXT_BESIDE)


def _mapped(source: Any, narrowed: Mapping[Any, Any]) -> type[Any]:
    """Return the class through which a table is read."""
    mapper = narrowed.get(source)
    table = source.element if isinstance(source, Alias) else source
    if mapper is None or table != mapper.local_table:
        raise CrossesTenants(f"{source} is read outside its class; name the class in the select")
    table_class: type[Any] = mapper.class_
    return table_class


def _sources(statement: Any) -> Iterable[Any]:
    """Return what a SELECT's FROM would hold, or what an UPDATE or DELETE names."""
    if isinstance(statement, Select):
        joined = (target for target, *_ in statement._setup_joins)
        return (*statement._iterate_from_elements(), *joined)
    return (source for child in statement.get_children() for source in child._from_objects)


def _narrowed(statement: Any) -> Iterator[Any]:
    """Yield the classes and aliases that `with_loader_criteria` narrows in one statement.

    Those are the first of each column, all of FROM and JOIN, and those of WHERE that stand in
    no function's arguments; without the ORM's plugin it narrows nothing.
    """
    if not isinstance(statement, Select):
        named: list[Any] = [statement.table]
    elif statement._propagate_attrs.get("compile_state_plugin") == "orm":
        named = [*statement._from_obj, *(target for target, *_ in statement._setup_joins)]
        for condition in statement._where_criteria:
            named += util.surface_expressions(condition)  # type: ignore[no-untyped-call]
        for column in statement._raw_columns:
            yield util.extract_first_column_annotation(column, ENTITY)  # type: ignore[no-untyped-call]
    else:
        named = []
    yield from (part._annotations.get(ENTITY) for part in named)
