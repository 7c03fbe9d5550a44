"""The transparency log of each issuer, and the certificates of its seals: for anyone to read.

They stand in the reference layer: one log an issuer, written by that issuer alone, so that no two
books ever wait for one another.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from service.tables.base import APPEND_ONLY, UtcDateTime


class LogLeaf(SQLModel, table=True):
    """One event of one certificate: its canonical bytes, and the checkpoint signed with it."""

    __tablename__ = "log_leaf"
    __table_args__ = (Index(None, "issuer_id", "number"), APPEND_ONLY)

    issuer_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    position: int = Field(primary_key=True)
    number: str
    entry: str
    checkpoint: str


class LogNode(SQLModel, table=True):
    """The root of a complete subtree of a log, of 2^level leaves; the leaves are level 0."""

    __tablename__ = "log_node"
    __table_args__ = (APPEND_ONLY,)

    issuer_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    level: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    sha256: str


class SealRecord(SQLModel, table=True):
    """The certificate of a seal that an issuer has used, from its first use on."""

    __tablename__ = "seal_record"
    __table_args__ = (APPEND_ONLY,)

    issuer_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    sha256: str = Field(primary_key=True)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    certificate: str
