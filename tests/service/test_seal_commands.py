"""Keys, log and authentication by the command line, as an operator and a stranger use them."""

import json
import shutil
from random import Random
from stat import S_IMODE

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from certificates.errors import LogError
from certificates.log import LoggedEvent
from service.actions.log import log_event
from service.cli import app
from service.commands.keys import make_missing
from service.database import open_engine
from service.demo import database as database_of_demo
from service.demo.story import live, write_files
from service.demo.world import identifier, moment, read_world
from service.seals import open_seals
from service.store import certificates as certificate_store
from service.store import log as log_store
from service.tenancy import TenantSession
from tests.conftest import KEYS
from tests.proofs import how_many


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


@pytest.fixture
def settings(tmp_path, monkeypatch, templates):
    """The demonstration in an empty folder, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("SUYUAN_DATABASE_URL", "SUYUAN_KEY_FOLDER", "SUYUAN_KEY_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    there = tmp_path / database_of_demo.FOLDER
    there.mkdir()
    shutil.copyfile(templates("sqlite", "demo"), there / database_of_demo.NAME)
    (there / "lookup-key").write_text(KEYS.secret.hex())
    return database_of_demo.settings_of()


@pytest.fixture
def issued(settings, tmp_path):
    """The story's certificate as files in `out`, sealed by a key of the power plant's."""
    world = read_world()
    seals = open_seals(settings)
    seals.create("TPP", "Example plant", now=moment(world.as_of, 8))
    engine = open_engine(settings.database_url)
    story = live(
        world, engine, keys=KEYS, seals=seals, today=world.as_of, url="http://localhost/c/{number}"
    )
    engine.dispose()
    write_files(story, tmp_path / "out")
    return story


def test_a_stranger_authenticates_what_was_issued_with_the_public_key_alone(
    issued, settings, tmp_path
):
    """Nothing of the service's folder is needed."""
    shutil.rmtree(tmp_path / database_of_demo.FOLDER)
    files = sorted((tmp_path / "out").glob(f"{issued.certificate.number}.*"))
    assert len(files) == 5

    told = json.loads(run("authenticate", *files, "--key", "out/seal.pem", "--json"))["files"]
    printed = run("authenticate", *files, "--key", "out/seal.pem", "--lang", "en")

    assert [each["authentic"] for each in told.values()] == [True] * 4
    pdf = next(each for name, each in told.items() if name.endswith(".pdf"))
    assert (pdf["event"], pdf["log_size"]) == ("issued", 1)
    assert pdf["says"]["certificate"] == issued.certificate.number
    assert f"certificate: {issued.certificate.number}" in printed
    for person in issued.signatories.values():
        assert person.name_en in printed
    assert issued.content.results[0].expanded_uncertainty in printed


def test_what_was_changed_or_came_without_its_proof_is_a_finding(issued, tmp_path):
    out = tmp_path / "out"
    pdf = out / f"{issued.certificate.number}.pdf"
    changed = out / "changed.pdf"
    changed.write_bytes(pdf.read_bytes()[:-7] + b"%%EOF\r\n")
    alone = tmp_path / "alone.xml"
    shutil.copyfile(pdf.with_suffix(".xml"), alone)

    assert "NOT AUTHENTIC" in run(
        "authenticate", changed, "--key", "out/seal.pem", "--lang", "en", code=3
    )
    assert "log: no proof" in run(
        "authenticate", alone, "--key", "out/seal.pem", "--lang", "en", code=3
    )
    assert "日志" in run("authenticate", alone, "--key", "out/seal.pem", "--lang", "zh", code=3)
    run("authenticate", alone, pdf.with_suffix(".proof"), "--key", "out/seal.pem")
    proof = pdf.with_suffix(".proof")
    proof.write_text(proof.read_text().replace("index 0", "index 00"))
    assert "not a whole number" in run(
        "authenticate", pdf, "--key", "out/seal.pem", "--lang", "en", code=3
    )
    run("authenticate", pdf, code=2)  # whom to trust, the caller must say


def test_since_a_checkpoint_deletion_and_truncation_are_noticed(issued, settings, tmp_path):
    number = issued.certificate.number
    kept = tmp_path / "kept.txt"
    kept.write_text(run("log", "checkpoint", "TPP"))
    engine = open_engine(settings.database_url)
    with TenantSession(engine, identifier("TPP")) as session, session.begin():
        log_event(
            session, certificate_store.by_number(session, number), LoggedEvent.WITHDRAWN,
            seals=open_seals(settings), now=moment(read_world().as_of, 17),
        )  # fmt: skip
    grown = tmp_path / "grown.consistency"
    grown.write_text(run("log", "prove", "TPP", "--since", kept))
    latest = tmp_path / "latest.proof"
    latest.write_text(run("log", "prove", number))

    asked = ("--key", "out/seal.pem", "--since", kept, "--lang", "en")
    assert "only grew" in run("authenticate", f"out/{number}.pdf", latest, grown, *asked)
    assert "no proof at hand" in run("authenticate", latest, *asked, "--json", code=3)

    delete_as_administrator(engine, "log_leaf WHERE position = 0")
    assert run("log", "checkpoint", "TPP", code=3) == ""
    delete_as_administrator(engine, "log_leaf")
    assert run("log", "prove", "TPP", "--since", kept, code=3) == ""
    engine.dispose()


def test_whatever_an_administrator_changes_in_the_log_is_noticed(issued, settings):
    """Any character of any entry, any entry lost, the tail cut."""
    engine, told = open_engine(settings.database_url), Random(6)  # noqa: S311 (the same each time)
    with TenantSession(engine, identifier("TPP")) as session, session.begin():
        certificate = certificate_store.by_number(session, issued.certificate.number)
        for event in list(LoggedEvent)[1:]:
            log_event(
                session, certificate, event, seals=open_seals(settings),
                now=moment(read_world().as_of, 17),
            )  # fmt: skip
    issuer = log_store.issuer(engine, "TPP")
    assert log_store.rebuilt(engine, issuer.id).size == 4
    with engine.begin() as connection:
        for verb in ("update", "delete"):
            connection.exec_driver_sql(f"DROP TRIGGER log_leaf_no_{verb}")

    tried = 0
    for _ in range(how_many(40, full=400)):
        position = told.randrange(4)
        entry = dict(log_store.entries(engine, issuer.id))[position]
        place, other = told.randrange(len(entry)), chr(told.randrange(32, 127))
        changed = entry[:place] + other + entry[place + 1 :]
        if changed != entry:
            set_entry(engine, position, changed)
            with pytest.raises(LogError):
                log_store.rebuilt(engine, issuer.id)
            set_entry(engine, position, entry)
            tried += 1
    assert tried > 30
    for position in (3, 1):
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM log_leaf WHERE position = :at"), {"at": position})
        with pytest.raises(LogError, match=f"entry {position} is missing"):
            log_store.rebuilt(engine, issuer.id)
    engine.dispose()


def set_entry(engine, position, entry):
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE log_leaf SET entry = :entry WHERE position = :position"),
            {"entry": entry, "position": position},
        )


def delete_as_administrator(engine, what):
    """Delete past the guard, and set it up again as if nothing had been."""
    guard = "SELECT sql FROM sqlite_master WHERE name = 'log_leaf_no_delete'"
    with engine.begin() as connection:
        trigger = connection.exec_driver_sql(guard).scalar_one()
        connection.exec_driver_sql("DROP TRIGGER log_leaf_no_delete")
        connection.exec_driver_sql(f"DELETE FROM {what}")  # noqa: S608 (ours)
        connection.exec_driver_sql(trigger)


def test_keys_are_made_rotated_listed_and_shown(settings, tmp_path):
    folder = settings.key_folder
    run("key", "rotate", "TPP", code=2)
    run("key", "create", "TPP")
    run("key", "create", "TPP", code=2)
    run("key", "rotate", "TPP")

    assert [line.split("\t")[0] for line in run("key", "list").splitlines()] == ["TPP-1", "TPP-2"]
    assert S_IMODE((folder / "TPP-2.key").stat().st_mode) == 0o600
    shown = run("key", "show", "TPP")
    assert shown.count("BEGIN CERTIFICATE") == 2
    assert shown.endswith((folder / "TPP-2.pem").read_text())
    assert "BEGIN CERTIFICATE REQUEST" in run("key", "rotate", "TPP", "--request")
    run("key", "create", "NOBODY", code=1)
    run("key", "show", "PROV", code=1)


def test_at_its_first_start_a_service_has_a_key_for_everyone_and_says_so(settings, capsys):
    make_missing(settings)
    told = capsys.readouterr().err

    codes = [row["code"] for row in read_world().data["organizations"]]
    assert [held.code for held in open_seals(settings).held()] == sorted(codes)
    assert all(f"{code} seals with" in told for code in codes)

    make_missing(settings)
    assert capsys.readouterr().err == ""
