"""The transparency logs: the head for who appends, and for anyone what they hold and prove.

What is for anyone goes past the tenants' sessions, in Core text, over the tables that are public:
`organization`, `log_leaf`, `log_node` and `seal_record`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, Engine, Uuid, bindparam, text, tuple_
from sqlmodel import col, func, select

from certificates.errors import EntryMalformed, EntryUnknown
from certificates.log import (
    KeptTree,
    LogEntry,
    LogHead,
    MerkleLog,
    Tree,
    nodes_needed,
    peaks_of,
)
from certificates.log_files import ConsistencyFile, InclusionFile
from certificates.signer import SealCertificate, read_certificates
from service.errors import NotFound
from service.tables.log import LogLeaf, LogNode, SealRecord
from service.tenancy import TenantSession

ISSUERS = text("SELECT id, code, name_zh, name_en FROM organization ORDER BY code").columns(id=Uuid)
ISSUER = text("SELECT id, code, name_zh, name_en FROM organization WHERE code = :code").columns(
    id=Uuid
)
ISSUER_ID = bindparam("issuer_id", type_=Uuid)
SIZE = text(
    "SELECT coalesce(max(position) + 1, 0) FROM log_leaf WHERE issuer_id = :issuer_id"
).bindparams(ISSUER_ID)
CHECKPOINT = text(
    "SELECT checkpoint FROM log_leaf WHERE issuer_id = :issuer_id AND position = :position"
).bindparams(ISSUER_ID)
NODE = text(
    "SELECT sha256 FROM log_node"
    " WHERE issuer_id = :issuer_id AND level = :level AND position = :position"
).bindparams(ISSUER_ID)
LEAF_HASHES = text(
    "SELECT position, sha256 FROM log_node WHERE issuer_id = :issuer_id AND level = 0"
).bindparams(ISSUER_ID)
LEAVES = text(
    "SELECT position, entry FROM log_leaf WHERE issuer_id = :issuer_id"
    " AND position >= :start AND position < :end ORDER BY position"
).bindparams(ISSUER_ID)
OF_NUMBER = text(
    "SELECT position, entry FROM log_leaf WHERE issuer_id = :issuer_id AND number = :number"
    " ORDER BY position"
).bindparams(ISSUER_ID)
MOST = 2**31 - 1  # of what a position can be
SEALS = text(
    "SELECT certificate FROM seal_record WHERE issuer_id = :issuer_id ORDER BY recorded_at, sha256"
).bindparams(ISSUER_ID)


# --- In the book of who appends -------------------------------------------------------------------


def head(session: TenantSession) -> LogHead:
    """Return the head of the organization's own log."""
    leaf, node, mine = LogLeaf, LogNode, session.organization_id
    last = func.coalesce(func.max(leaf.position), -1)
    size = 1 + session.exec(select(last).where(leaf.issuer_id == mine)).one()
    rows = session.exec(
        select(node.sha256)
        .where(
            node.issuer_id == mine,
            tuple_(col(node.level), col(node.position)).in_(peaks_of(size)),
        )
        .order_by(col(node.level).desc())
    )
    return LogHead(size, tuple(bytes.fromhex(sha256) for sha256 in rows))


def knows_seal(session: TenantSession, sha256: str) -> bool:
    """Return whether a certificate is on the record of the organization's seals."""
    return session.get(SealRecord, (session.organization_id, sha256)) is not None


# --- For anyone -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose log it is."""

    id: UUID
    code: str
    name_zh: str
    name_en: str


def issuer(engine: Engine, code: str) -> Issuer:
    """Return the organization of a code.

    Raises:
        NotFound: there is none.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        row = connection.execute(ISSUER, {"code": code}).first()
    if row is None:
        raise NotFound("log of", code)
    return Issuer(*row)


def issuers(engine: Engine) -> Sequence[Issuer]:
    """Return every organization, by code."""
    with engine.connect().execution_options(read_only=True) as connection:
        return [Issuer(*row) for row in connection.execute(ISSUERS)]


def seals(engine: Engine, issuer_id: UUID) -> Sequence[SealCertificate]:
    """Return the certificates with which an issuer has sealed, the first one first."""
    with engine.connect().execution_options(read_only=True) as connection:
        found = connection.scalars(SEALS, {"issuer_id": issuer_id}).all()
    return [certificate for pem in found for certificate in read_certificates(pem.encode())]


def checkpoint(engine: Engine, issuer_id: UUID) -> str:
    """Return the newest signed checkpoint of a log.

    Raises:
        EntryUnknown: nothing has happened yet.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        return _checkpoint(connection, issuer_id, _size(connection, issuer_id))


def inclusion(engine: Engine, issuer_id: UUID, number: str) -> Sequence[InclusionFile]:
    """Return the proof of each event of a certificate under the newest checkpoint, oldest first."""
    with engine.connect().execution_options(read_only=True) as connection:
        size = _size(connection, issuer_id)
        told = {"issuer_id": issuer_id, "number": number}
        rows = connection.execute(OF_NUMBER, told).all()
        note = _checkpoint(connection, issuer_id, size) if rows else ""
        return [
            InclusionFile(
                LogEntry.parse(row.entry.encode()),
                row.position,
                _asked(connection, issuer_id, size, partial(_included, row.position)),
                note,
            )
            for row in rows
        ]


def events(engine: Engine, issuer_id: UUID, number: str) -> Sequence[tuple[int, LogEntry]]:
    """Return what the log knows of a certificate, the oldest first, each with its position."""
    told = {"issuer_id": issuer_id, "number": number}
    with engine.connect().execution_options(read_only=True) as connection:
        rows = connection.execute(OF_NUMBER, told)
        return [(row.position, LogEntry.parse(row.entry.encode())) for row in rows]


def consistency(engine: Engine, issuer_id: UUID, old_size: int) -> ConsistencyFile:
    """Return the proof that a log only grew since it had a size, under the newest checkpoint.

    Raises:
        EntryUnknown: the log is smaller than that, or the size is 0.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        size = _size(connection, issuer_id)
        hashes = _asked(connection, issuer_id, size, lambda tree: tree.consistency_proof(old_size))
        return ConsistencyFile(old_size, hashes, _checkpoint(connection, issuer_id, size))


def entries(
    engine: Engine, issuer_id: UUID, *, start: int = 0, limit: int | None = None
) -> Sequence[tuple[int, str]]:
    """Return the entries of a log from a position on, each with its position."""
    end = MOST if limit is None else start + limit
    told = {"issuer_id": issuer_id, "start": start, "end": end}
    with engine.connect().execution_options(read_only=True) as connection:
        return [(row.position, row.entry) for row in connection.execute(LEAVES, told)]


def rebuilt(engine: Engine, issuer_id: UUID) -> MerkleLog:
    """Return the tree of a log, built anew from every entry.

    Raises:
        EntryMalformed: an entry is missing, or not what was once appended; it names the first.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        rows = connection.execute(LEAF_HASHES, {"issuer_id": issuer_id})
        kept: dict[int, str] = {row.position: row.sha256 for row in rows}
    tree = MerkleLog()
    for position, entry in entries(engine, issuer_id):
        if position != tree.size:
            raise EntryMalformed(f"entry {tree.size} is missing")
        leaf = LogEntry.parse(entry.encode()).leaf()
        if kept.get(position) != leaf.hex():
            raise EntryMalformed(f"entry {position} is not the one that was appended")
        tree.append(leaf)
    if len(kept) != tree.size:
        raise EntryMalformed(f"entry {tree.size} is missing")
    return tree


def _included(position: int, tree: Tree) -> tuple[bytes, ...]:
    return tree.inclusion_proof(position)


def _size(connection: Connection, issuer_id: UUID) -> int:
    size: int = connection.scalar(SIZE, {"issuer_id": issuer_id})
    return size


def _checkpoint(connection: Connection, issuer_id: UUID, size: int) -> str:
    told = {"issuer_id": issuer_id, "position": size - 1}
    found: str | None = connection.scalar(CHECKPOINT, told)
    if found is None:
        raise EntryUnknown("the log is empty")
    return found


def _asked(
    connection: Connection,
    issuer_id: UUID,
    size: int,
    question: Callable[[Tree], tuple[bytes, ...]],
) -> tuple[bytes, ...]:
    """Return what a tree answers, of which only the nodes that this takes are read."""
    nodes = {}
    for level, position in nodes_needed(size, question):
        told = {"issuer_id": issuer_id, "level": level, "position": position}
        sha256 = connection.scalar(NODE, told)
        if sha256 is not None:
            nodes[level, position] = bytes.fromhex(sha256)
    return question(KeptTree(size, nodes))
