"""A backup of the whole database in one file, with what is in it beside; and back, compared.

Beside the file lies `FILE.json`: its digest, the schema's revision, the rows of each table, the end
of each organization's audit log and the head of each one's log of certificates. A restored
database is opened to nobody before it has been found to hold exactly that.
"""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, make_url

from service import audit
from service.database import open_engine
from service.errors import BackupFailed, BackupNotWhole
from service.lookup import LookupKeys
from service.schema import require_ready
from service.store import audit as audit_store
from service.store import directory
from service.tenancy import TenantSession

Run = Callable[[str], Sequence[Sequence[Any]]]

TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}
REVISION = "SELECT version_num FROM alembic_version"
ENDS_OF_AUDIT = """
    SELECT e.organization_id, e.position, e.sha256 FROM audit_entry e JOIN (
        SELECT organization_id, max(position) AS position FROM audit_entry GROUP BY organization_id
    ) last ON last.organization_id = e.organization_id AND last.position = e.position
"""
HEADS_OF_LOGS = """
    SELECT l.issuer_id, l.position, l.checkpoint FROM log_leaf l JOIN (
        SELECT issuer_id, max(position) AS position FROM log_leaf GROUP BY issuer_id
    ) last ON last.issuer_id = l.issuer_id AND last.position = l.position
"""
PASSES_THE_WALL = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
ROLE = "SELECT count(*) FROM pg_roles WHERE rolname = 'suyuan_app'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a database holds, told so that another can be compared with it.

    Attributes:
        rows: by table.
        audit_logs: the last position and seal of each organization's audit log, by its id.
        certificate_logs: the last position of each issuer's log, and its checkpoint's SHA-256.
    """

    revision: str
    rows: dict[str, int]
    audit_logs: dict[str, str]
    certificate_logs: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What lies beside a backup.

    Attributes:
        key_check: follows from the installation's look-up secret, which the backup does not hold,
            and tells whether the secret at hand is the one.
    """

    engine: str
    taken_at: str
    sha256: str
    key_check: str
    contents: Contents


def back_up(url: str, file: Path, *, keys: LookupKeys, now: datetime) -> Manifest:
    """Write a database to a file, while it is in use, and what is in it beside.

    Args:
        url: on PostgreSQL of a role that row-level security does not hold.

    Raises:
        BackupFailed: the file is there already, or the database or its programs refuse.
    """
    for path in (file, beside(file)):
        if path.exists():
            raise BackupFailed(f"{path} is there already: a backup is never written over")
    part = file.with_name(f"{file.name}.part")
    write = _write_sqlite if _is_sqlite(url) else _write_postgresql
    try:
        contents = write(url, part)
        manifest = Manifest(
            engine=make_url(url).get_backend_name(),
            taken_at=now.isoformat(timespec="seconds"),
            sha256=_digest(part),
            key_check=key_check(keys),
            contents=contents,
        )
        beside(file).write_text(json.dumps(asdict(manifest), indent=1) + "\n")
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def restore(url: str, file: Path) -> Manifest:
    """Bring a backup back into a database that is not there, or empty; return what is in it.

    Raises:
        BackupFailed: there is something already, or the file or a program is missing.
        BackupNotWhole: the file is not what was written, or the database not what was in it.
    """
    manifest = read_manifest(file)
    if manifest.engine != make_url(url).get_backend_name():
        raise BackupFailed(f"{file} is of {manifest.engine}; `suyuan export` goes between engines")
    if _digest(file) != manifest.sha256:
        raise BackupNotWhole(f"{file} is not the file that was written: its SHA-256 is another")
    if _is_sqlite(url):
        _restore_sqlite(Path(make_url(url).database or ""), file, manifest)
    else:
        _restore_postgresql(url, file)
        _compare(url, manifest)
    return manifest


def read_manifest(file: Path) -> Manifest:
    """Return what lies beside a backup.

    Raises:
        BackupFailed: the file or that is not there, or it is none.
    """
    try:
        told = json.loads(beside(file).read_text())
        return Manifest(**told | {"contents": Contents(**told["contents"])})
    except FileNotFoundError as error:
        raise BackupFailed(f"{error.filename} is not there") from error
    except (ValueError, TypeError, KeyError) as error:
        raise BackupFailed(f"{beside(file)} does not tell of a backup") from error


def beside(file: Path) -> Path:
    """Return where it is told what is in a backup."""
    return file.with_name(f"{file.name}.json")


def key_check(keys: LookupKeys) -> str:
    """Return what tells one installation's look-up secret from another, and not what it is."""
    return keys.derived("check of a backup").hex()[:16]


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return file_digest(content, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise BackupFailed(f"{file} is not there") from error


def _contents(run: Run, engine: str) -> Contents:
    tables = sorted(str(row[0]) for row in run(TABLES[engine]))
    return Contents(
        revision=str(run(REVISION)[0][0]),
        rows={name: int(run(f'SELECT count(*) FROM "{name}"')[0][0]) for name in tables},  # noqa: S608
        audit_logs={
            str(owner): f"{position} {seal}" for owner, position, seal in run(ENDS_OF_AUDIT)
        },
        certificate_logs={
            str(issuer): f"{position} {sha256(checkpoint.encode()).hexdigest()}"
            for issuer, position, checkpoint in run(HEADS_OF_LOGS)
        },
    )


def _compare(url: str, manifest: Manifest) -> None:
    """Refuse a restored database that is not what was backed up, or whose audit log is broken."""
    engine = open_engine(url)
    try:
        require_ready(engine)
        with engine.connect().execution_options(read_only=True) as connection:
            found = _contents(_run_on(connection), engine.dialect.name)
        differing = [
            name
            for name in Contents.__dataclass_fields__
            if getattr(found, name) != getattr(manifest.contents, name)
        ]
        if differing:
            raise BackupNotWhole(f"the database differs from the backup in {', '.join(differing)}")
        _require_whole_chains(engine)
    finally:
        engine.dispose()


def _require_whole_chains(engine: Engine) -> None:
    for code, owner in directory.organization_codes(engine).items():
        with TenantSession(engine, owner, read_only=True) as session:
            broken = audit.first_broken(audit_store.chain(session))
        if broken is not None:
            raise BackupNotWhole(
                f"entry {broken.position} of {code}'s audit log {broken.reason}: it was so when "
                "the backup was taken"
            )


def _run_on(connection: Connection) -> Run:
    return lambda statement: connection.exec_driver_sql(statement).all()


# --- SQLite --------------------------------------------------------------------------------------


def _write_sqlite(url: str, part: Path) -> Contents:
    source = make_url(url).database or ""
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as held, closing(sqlite3.connect(part)) as copy:
        held.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # or it would be three files
        if (said := copy.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            raise BackupNotWhole(f"SQLite finds the database damaged: {said[0][0]}")
        if copy.execute("PRAGMA foreign_key_check").fetchone():
            raise BackupNotWhole("a row names another that is not there")
        return _contents(lambda statement: copy.execute(statement).fetchall(), "sqlite")


def _restore_sqlite(target: Path, file: Path, manifest: Manifest) -> None:
    if target.exists():
        raise BackupFailed(f"{target} is there already: move it away first")
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(file, part)
    try:
        _compare(f"sqlite:///{part}", manifest)
        part.rename(target)
    finally:
        for path in part, *(part.with_name(part.name + end) for end in ("-wal", "-shm")):
            path.unlink(missing_ok=True)


# --- PostgreSQL ----------------------------------------------------------------------------------


def _write_postgresql(url: str, part: Path) -> Contents:
    """Write by pg_dump, and count, in one snapshot."""
    engine = open_engine(url)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            run = _run_on(connection)
            if not run(PASSES_THE_WALL)[0][0]:
                raise BackupFailed(
                    f"row-level security holds {engine.url.username}: let "
                    "SUYUAN_OWNER_DATABASE_URL name a role with BYPASSRLS, or rows are left out"
                )
            snapshot = run("SELECT pg_export_snapshot()")[0][0]
            _program(
                "pg_dump", engine.url, "--format=custom", f"--snapshot={snapshot}",
                f"--file={part}",
            )  # fmt: skip
            return _contents(run, "postgresql")
    finally:
        engine.dispose()


def _restore_postgresql(url: str, file: Path) -> None:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            run = _run_on(connection)
            if tables := run(TABLES["postgresql"]):
                raise BackupFailed(f"the database holds {len(tables)} tables: make an empty one")
            if not run(ROLE)[0][0]:
                raise BackupFailed("the role suyuan_app is not there: CREATE ROLE suyuan_app LOGIN")
    finally:
        engine.dispose()
    _program(
        "pg_restore", engine.url, "--exit-on-error", "--single-transaction", "--no-owner", str(file)
    )


def _program(name: str, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on a database; its password is in no list of processes."""
    path = shutil.which(name)
    if path is None:
        raise BackupFailed(f"{name} is not there: install PostgreSQL's client programs")
    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    done = subprocess.run(  # noqa: S603  (PostgreSQL's own program, and no shell)
        [path, f"--dbname={plain}", *arguments],
        check=False, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    if done.returncode:
        raise BackupFailed(f"{name} refuses: {done.stderr.strip()[-500:]}")
