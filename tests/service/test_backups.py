"""LAB's world is backed up while the service runs, lost, and brought back, on both engines."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlmodel import Session
from typer.testing import CliRunner

from service.actions import organizations
from service.backups import back_up, beside, restore
from service.cli import app as command_line
from service.database import open_engine
from service.errors import BackupFailed, BackupNotWhole
from service.store import certificates
from service.tenancy import TenantSession
from tests.engines import application_url, find_installation, fresh_database
from tests.service.books import KEYS, NOW


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """PostgreSQL's own programs, of the tests' server."""
    path = f"{find_installation()}/bin"
    monkeypatch.setenv("PATH", path, prepend=":")


@pytest.fixture
def empty(database, tmp_path, worker_id):
    """A database that is empty: of its owner, and of the application."""
    url = make_url(database.owner)
    if url.get_backend_name() == "sqlite":
        path = f"sqlite:///{tmp_path}/again.db"
        yield path, path
        return
    with fresh_database(database.owner, f"again_{worker_id}", template="template0") as again:
        yield again, application_url(again)


@pytest.fixture
def file(database, story, tmp_path):
    """A backup of the world."""
    path = tmp_path / "suyuan.backup"
    back_up(database.owner, path, keys=KEYS, now=NOW)
    return path


def test_what_was_backed_up_is_there_again(file, empty, story, names):
    manifest = restore(empty[0], file)

    assert manifest.contents.rows["certificate"] == 2
    assert len(manifest.contents.certificate_logs) == 1
    engine = open_engine(empty[1])
    with TenantSession(engine, names.LAB, read_only=True) as session:
        assert certificates.by_number(session, story.number).id == story.certificate
    engine.dispose()


def test_a_backup_is_of_one_moment(database, file, empty, owner):
    """What is written later is not in it."""
    with Session(owner) as session, session.begin():
        organizations.create_organization(
            session, code="LATE", name_zh="迟", name_en="Late", kind="enterprise", address="-"
        )

    assert restore(empty[0], file).contents.rows["organization"] == 4


def test_a_file_that_was_altered_is_not_brought_back(file, empty):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(BackupNotWhole, match="SHA-256"):
        restore(empty[0], file)


@pytest.mark.parametrize("what", ["rows", "audit_logs", "certificate_logs"])
def test_a_database_that_is_not_what_was_backed_up_is_found_out(file, empty, what):
    told = json.loads(beside(file).read_text())
    name = next(iter(told["contents"][what]))
    told["contents"][what][name] = 7 if what == "rows" else f"7 {'0' * 64}"
    beside(file).write_text(json.dumps(told))

    with pytest.raises(BackupNotWhole, match=f"differs from the backup in {what}"):
        restore(empty[0], file)


def test_an_audit_log_that_was_altered_before_is_told(database, story, tmp_path, empty, owner):
    with owner.begin() as connection:
        if owner.dialect.name == "sqlite":
            triggers = connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' "
                     "AND tbl_name = 'audit_entry'")
            ).all()  # fmt: skip
            for name, _ in triggers:
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE audit_entry SET action = 'tried' WHERE position = 0"))
        if owner.dialect.name == "sqlite":
            for _, sql in triggers:
                connection.exec_driver_sql(sql)
        else:
            connection.execute(text("ALTER TABLE audit_entry ENABLE TRIGGER USER"))
    back_up(database.owner, tmp_path / "altered", keys=KEYS, now=NOW)

    with pytest.raises(BackupNotWhole, match=r"entry 0 of .* audit log says something else"):
        restore(empty[0], tmp_path / "altered")


def test_nothing_is_written_over(database, file):
    with pytest.raises(BackupFailed, match="is there already"):
        back_up(database.owner, file, keys=KEYS, now=NOW)
    with pytest.raises(BackupFailed, match=r"is there already|the database holds \d+ tables"):
        restore(database.owner, file)


def test_what_is_missing_is_named(database, story, tmp_path, monkeypatch, empty):
    with pytest.raises(BackupFailed, match="not there"):
        restore(empty[0], tmp_path / "no such file")
    if not database.owner.startswith("sqlite"):
        with pytest.raises(BackupFailed, match="name a role with BYPASSRLS"):
            back_up(database.application, tmp_path / "b", keys=KEYS, now=NOW)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(BackupFailed, match="pg_dump is not there"):
            back_up(database.owner, tmp_path / "b", keys=KEYS, now=NOW)
    assert not list(tmp_path.glob("*.part"))


def test_the_commands_say_what_they_did(database, story, tmp_path, monkeypatch, empty):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUYUAN_DATABASE_URL", database.application)
    monkeypatch.setenv("SUYUAN_OWNER_DATABASE_URL", database.owner)
    run = CliRunner().invoke

    written = run(command_line, ["backup", "b"])
    monkeypatch.setenv("SUYUAN_OWNER_DATABASE_URL", empty[0])
    again = run(command_line, ["restore", "b"])
    Path("suyuan.lookup-key").write_text("00" * 32)
    monkeypatch.setenv("SUYUAN_OWNER_DATABASE_URL", f"sqlite:///{tmp_path}/third.db")
    third = run(command_line, ["restore", "b"])

    assert written.exit_code == again.exit_code == 0, written.output + again.output
    assert "audit logs whole" in again.stderr
    if database.owner.startswith("sqlite"):
        assert "another installation's" in third.stderr
        assert sqlite3.connect("third.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
    else:
        assert third.exit_code == 1
    assert shutil.which("pg_dump")
