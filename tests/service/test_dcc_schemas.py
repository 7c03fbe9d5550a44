"""PTB's schemas: fetched, told by the service, and asked of every certificate before it is sealed.

LAB issues a meter's certificate where the operator keeps the schemas, and where they refuse it.
"""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from lxml import etree
from typer.testing import CliRunner

from certificates.dcc.schema import compile_schema, schema_errors
from certificates.errors import DccInvalid, SchemaUnknown
from service.app import create_app
from service.cli import app as command_line
from service.errors import Unreachable
from service.exchange.schema_fetching import Shelf, fetch_schemas
from service.network import Answer
from service.rendering import renderer
from service.settings import Settings
from service.store import certificates as store
from tests.service import books
from tests.service.books import calibrate, use

FETCHED = {
    "dcc/v3.3.0/dcc.xsd", "si/v2.2.1/SI_Format.xsd", "qudt/qudt.xsd",
    "xmldsig/xmldsig-core-schema.xsd",
}  # fmt: skip


@pytest.fixture
def refusing_schemas(dcc_schemas: Path, tmp_path: Path) -> Path:
    """Schemas that refuse every DCC of version 3.3.0."""
    folder = tmp_path / "schemas"
    shutil.copytree(dcc_schemas, folder)
    path = folder / "dcc/v3.3.0/dcc.xsd"
    path.chmod(0o644)
    path.write_text(path.read_text("utf-8").replace(r"3\.3\.0", r"9\.9\.9"), "utf-8")
    return folder


@pytest.fixture
def meter(open_as: Any, story: Any) -> Any:
    """A meter of LAB's, calibrated and signed by three."""
    with open_as("LAB") as session, session.begin():
        row = calibrate(session, "next", date(2026, 2, 1), use(reference_id=story.working))
        books.sign_three_times(session, row.id, story.people)
        return row.id


# --- Issuing


def test_what_the_schema_accepts_is_issued_and_valid_as_it_is_sealed(
    open_as, story, meter, dcc_schemas
):
    with open_as("LAB") as session, session.begin():
        issued = books.issue(session, meter, story.people, render=renderer(dcc_schemas))
        file = store.file(session, issued.id, "xml")
        assert file is not None
        sealed = file.content

    schema = etree.XMLSchema(etree.parse(dcc_schemas / "dcc/v3.3.0/dcc.xsd"))
    schema.assertValid(etree.fromstring(sealed))


def test_what_the_schema_refuses_is_not_issued_and_nothing_is_written(
    open_as, owner, story, meter, refusing_schemas
):
    def issue():
        with open_as("LAB") as session, session.begin():
            books.issue(session, meter, story.people, render=renderer(refusing_schemas))

    refused = books.refusing(owner, issue, DccInvalid)

    assert "schemaVersion" in refused.errors[0]
    assert "3.3.0" in refused.errors[0]


def test_a_folder_without_the_schema_is_no_licence_to_issue(open_as, owner, story, meter, tmp_path):
    def issue():
        with open_as("LAB") as session, session.begin():
            books.issue(session, meter, story.people, render=renderer(tmp_path))

    assert books.refusing(owner, issue, SchemaUnknown).path == "dcc/v3.3.0/dcc.xsd"


# --- What the service says of it


@pytest.mark.parametrize(("at_hand", "told"), [(True, "3.3.0"), (False, "not at hand")])
def test_a_service_says_whether_it_holds_certificates_against_a_schema(
    database, tmp_path, dcc_schemas, at_hand, told
):
    app = create_app(
        Settings(
            database_url=database.application,
            lookup_key_file=tmp_path / "key",
            dcc_schema_dir=dcc_schemas if at_hand else None,
        )
    )

    ready = TestClient(app).get("/readyz").json()
    app.state.engine.dispose()

    assert ready == {"status": "ready", "dcc_schema": told}


# --- Fetching


class Publisher(Shelf):
    """A network that holds the schemas under PTB's address, importing by address."""

    def send(self, method, url, **asked):
        answer = super().send(
            method, url.replace("https://www.w3.org/", "https://ptb.de/"), **asked
        )
        return Answer(answer.status, answer.content.replace(b'"../../', b'"https://ptb.de/'))


def test_a_schema_is_fetched_with_all_that_it_imports_and_works(shared_dir, dcc_schemas, tmp_path):
    paths = list(fetch_schemas(Publisher(dcc_schemas), tmp_path, version="3.3.0"))

    kept = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in paths}
    assert kept.keys() == FETCHED
    schema = compile_schema(kept, "3.3.0")
    valid = shared_dir / "data/dcc/examples/dcclib/valid.xml"
    assert schema_errors(valid.read_bytes(), schema) == ()


def test_it_is_copied_from_a_folder_without_a_network(dcc_schemas, tmp_path):
    folder = tmp_path / "kept"

    run = CliRunner().invoke(
        command_line,
        ["certificate", "fetch-schema", "--from", str(dcc_schemas), "--to", str(folder)],
    )

    assert run.exit_code == 0, run.output
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.xsd")} == FETCHED
    assert all(
        (folder / path).read_bytes() == (dcc_schemas / path).read_bytes() for path in FETCHED
    )


def test_an_address_that_is_not_on_the_public_internet_is_not_asked(tmp_path):
    run = CliRunner().invoke(
        command_line,
        ["certificate", "fetch-schema", "--from", "https://127.0.0.1", "--to", str(tmp_path)],
    )

    assert run.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_of_a_schema_that_is_not_there_nothing_is_written(dcc_schemas, tmp_path):
    with pytest.raises(Unreachable, match="404"):
        list(fetch_schemas(Publisher(dcc_schemas), tmp_path, version="9.9.9"))

    assert list(tmp_path.iterdir()) == []


class Forger:
    """A network that answers everything with a file that leads out of the folder, and on and on."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def send(self, method, url, **_asked):  # noqa: ARG002 (as the network is asked)
        self.asked.append(url)
        further = f"../../../../etc/{len(self.asked)}.xsd"
        return Answer(200, f'<xs:schema><xs:import schemaLocation="{further}"/>'.encode())


def test_a_schema_that_leads_anywhere_writes_nothing_and_ends(tmp_path):
    forger, folder = Forger(), tmp_path / "a/b"

    with pytest.raises(Unreachable, match="more than 20 files"):
        list(fetch_schemas(forger, folder, version="3.3.0"))

    assert len(forger.asked) <= 21
    assert list(tmp_path.rglob("*")) == []


def test_what_is_no_schema_is_not_kept(tmp_path):
    class Liar:
        def send(self, method, url, **_asked):  # noqa: ARG002 (as the network is asked)
            return Answer(200, b"<html>no schema here</html>")

    with pytest.raises(SchemaUnknown):
        list(fetch_schemas(Liar(), tmp_path, version="3.3.0"))

    assert list(tmp_path.iterdir()) == []
