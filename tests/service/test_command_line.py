"""The command line as a newcomer runs it: in a folder of one's own, on the demonstration."""

import json
import shutil
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from service.answers import find_items, newest_chain
from service.cli import app
from service.database import open_engine
from service.demo import database as database_of_demo
from service.demo.world import moment, read_world
from service.store import directory
from service.store import items as item_store
from service.tenancy import TenantSession
from tests.conftest import KEYS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("SUYUAN_DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def demonstration(folder, templates):
    """The same folder after a demonstration has been there."""
    there = folder / database_of_demo.FOLDER
    there.mkdir()
    shutil.copyfile(templates("sqlite", "demo"), there / database_of_demo.NAME)
    (there / "lookup-key").write_text(KEYS.secret.hex())
    return there


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def suyuan(*arguments):
    """Run the command in a process of its own, as a shell does."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "service", *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
def test_certificates_are_found_by_serial_number_none_one_or_many(demonstration, language):
    serials = [item["serial_number"] for item in read_world().data["items"]]
    shared = next(serial for serial in serials if serials.count(serial) == 2)

    none = run("certificate", "find", "no such", "--lang", language)
    one = run("certificate", "find", "KS25-0417", "--json")
    many = run("certificate", "find", shared, "--json")

    assert none.exit_code == 0
    assert "no such" in none.stdout
    assert {entry["type_designation"] for entry in json.loads(one.stdout)} == {"KS-25"}
    assert len({entry["manufacturer_zh"] for entry in json.loads(many.stdout)}) == 2


def test_every_item_of_the_world_can_be_traced(demonstration):
    """None, one or two chains: what is traced is the newest calibration of each such item."""
    engine = open_engine(f"sqlite:///{demonstration / database_of_demo.NAME}")
    traced = []
    for organization_id in directory.organization_ids(engine):
        with TenantSession(engine, organization_id, read_only=True) as session:
            for item in item_store.own(session):
                chain = newest_chain(session, item.id, on=None, known_at=moment("2026-11-21"))
                traced.append(chain is not None and not chain.breaks)
    found = [len(find_items(engine, serial)) for serial in ("no such", "KS25-0417", "0012847")]
    engine.dispose()

    assert traced == [True] * 276
    assert found == [0, 1, 2]


def test_a_chain_is_printed_to_the_national_standard(demonstration):
    answer = run("trace", "0083105", "--lang", "zh")

    assert answer.exit_code == 0
    assert "压力国家基准" in answer.stdout
    assert "链条不间断" in answer.stdout
    assert run("trace", "nobody's").stdout.strip() != ""


def test_an_audit_of_the_sound_world_finds_nothing(demonstration):
    answer = run("audit", "--on", "2026-11-21")

    assert (answer.exit_code, answer.stdout) == (0, "")


def test_an_audit_of_a_later_day_finds_what_is_overdue_then_and_says_so_by_its_exit(demonstration):
    answer = run("audit", "--on", "2026-12-31", "--json")

    assert answer.exit_code == 3
    assert {finding["flaw"] for finding in json.loads(answer.stdout)} == {"overdue"}


def test_a_found_certificate_says_where_it_stands_and_not_only_that_it_was_issued(demonstration):
    (demonstration / database_of_demo.TODAY).write_text("2026-11-21")

    answer = run("certificate", "find", "0083105", "--lang", "en")

    told = {line.split()[0]: line for line in answer.stdout.splitlines() if line.startswith("TPP-")}
    assert told["TPP-2026-00011"].rstrip().endswith("valid, due soon")
    assert told["TPP-2025-00009"].rstrip().endswith("expired")


def test_the_demonstration_is_asked_about_its_own_day_whatever_the_machine_says(demonstration):
    (demonstration / database_of_demo.TODAY).write_text("2026-11-21")

    due = run("due", "--organization", "tpp", "--within", "18", "--json")
    chain = run("trace", "0083105", "--lang", "en")

    assert [row["valid_until"] for row in json.loads(due.stdout)] == ["2026-12-09"]
    assert "tpp on 2026-11-21" in due.stderr
    assert "unbroken" in chain.stdout


def test_a_command_says_its_version_and_a_procedure_is_named_as_the_list_names_it(folder):
    assert run("--version").stdout.startswith("suyuan ")
    assert run("procedure", "show", "JJG 52-1999").stdout.startswith("JJG 52-1999")

    unknown = run("procedure", "show", "JJG 52-1066")

    assert unknown.exit_code == 2
    assert "suyuan procedure list" in unknown.stderr


def test_without_a_database_every_command_says_what_to_run(folder):
    for arguments in (["serve"], ["trace", "1"], ["certificate", "find", "1"], ["db", "check"]):
        answer = suyuan(*arguments)

        assert answer.returncode == 1
        assert "suyuan db upgrade" in answer.stderr
        assert "Traceback" not in answer.stderr


def test_a_database_that_is_not_migrated_is_refused_with_the_command(folder):
    (folder / "suyuan.db").touch()

    answer = suyuan("serve")

    assert answer.returncode == 1
    assert "run `suyuan db upgrade` first" in answer.stderr.replace("\n", " ")


def test_upgrading_makes_a_database_that_is_ready(folder):
    assert suyuan("db", "upgrade").returncode == 0
    assert suyuan("db", "check").stdout == "the database is ready\n"


def test_a_taken_port_is_one_clear_line(folder):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        answer = suyuan("demo", "--port", str(port))

    assert answer.returncode == 1
    assert f"port {port} is taken" in answer.stderr
    assert answer.stdout == ""


def test_an_unknown_fault_names_those_there_are(folder):
    answer = suyuan("demo", "--no-serve", "--fault", "F99")

    assert answer.returncode == 1
    assert "F1, F2" in answer.stderr


def test_the_demonstration_runs_twice_and_keeps_to_its_folder(folder):
    first = suyuan("demo", "--no-serve", "--out", "kept", "--lang", "en")
    second = suyuan("demo", "--no-serve", "--lang", "zh")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "TPP-2026-00026-F" in first.stdout
    assert "检定证书 TPP-2026-00026-F" in second.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["kept", "suyuan-demo"]
    assert not (folder / "suyuan.db").exists()
    assert len(list((folder / "kept").iterdir())) == 7


def test_an_organization_of_an_unknown_kind_is_refused_at_the_option(folder):
    facts = ["--name-zh", "某", "--name-en", "x", "--kind", "ministry", "--address", "x",
             "--administrator-zh", "某", "--administrator-en", "x"]  # fmt: skip

    answer = run("organization", "create", "X", *facts)

    assert answer.exit_code == 2
    assert "--kind" in answer.output
    assert "regulator" in answer.output
