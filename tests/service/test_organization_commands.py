"""The operator puts on record what authorities let an organization do, as the tables' owner."""

import json
from datetime import date

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.errors import InvalidField, NotFound
from service.store import audit as audit_store
from service.store import organizations as store

CNAS = ("CNAS-L0000", "--for", "JJG 52", "--for", "JJG 49", "--kind-zh", "CNAS 实验室认可")
DAYS = ("--from", "2026-01-01", "--until", "2028-12-31")


@pytest.fixture
def run(database, names, monkeypatch):
    monkeypatch.setenv("SUYUAN_DATABASE_URL", database.application)
    monkeypatch.setenv("SUYUAN_OWNER_DATABASE_URL", database.owner)
    return lambda *arguments: CliRunner().invoke(app, ["organization", *arguments])


def test_an_authorisation_holds_for_its_procedures_and_days(run, names, open_as):
    done = run("authorise", "LAB", *CNAS, *DAYS)

    assert done.exit_code == 0, done.output
    with open_as("ENT") as session:

        def held(code, on):
            rows = store.authorisations(session, names.LAB, procedure_code=code, on=on)
            return [row.number for row in rows]

        assert held("JJG 52", date(2028, 12, 31)) == ["CNAS-L0000"]
        assert held("JJG 52", date(2029, 1, 1)) == []
        assert held("JJG 596", date(2027, 1, 1)) == []


def test_a_renewal_stands_beside_what_it_renews(run):
    run("authorise", "LAB", *CNAS, *DAYS)
    run("authorise", "LAB", *CNAS, "--from", "2029-01-01", "--until", "2034-12-31")

    told = {row["code"]: row for row in json.loads(run("list", "--json").stdout)}
    said = run("list").stdout

    assert [one["valid_until"] for one in told["LAB"]["authorisations"]] == [
        "2028-12-31",
        "2034-12-31",
    ]
    assert told["ENT"]["authorisations"] == []
    assert "CNAS-L0000\t2029-01-01 … 2034-12-31\tJJG 52, JJG 49" in said


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("NONE", *CNAS, *DAYS), NotFound),
        (("LAB", *CNAS, "--from", "2026-01-02", "--until", "2026-01-01"), InvalidField),
        (("LAB", "CNAS-L0000", "--for", " ", *DAYS), InvalidField),
        (("LAB", " ", "--for", "JJG 52", *DAYS), InvalidField),
    ],
)
def test_what_cannot_be_is_refused_and_not_recorded(run, arguments, error):
    answer = run("authorise", *arguments)

    assert answer.exit_code == 1
    assert isinstance(answer.exception, error)
    assert all(row["authorisations"] == [] for row in json.loads(run("list", "--json").stdout))


def test_a_change_counts_from_now_on_and_is_kept_in_the_own_audit_log(run, open_as):
    done = run("change", "LAB", "--contact", "010-1", "--address", "1 Example Road")
    again = run("change", "LAB", "--contact", "010-1")
    empty = run("change", "LAB", "--contact", " ")

    assert done.stdout == "contact\t0000-0000000 office@example.test → 010-1\n"
    assert again.stdout == ""
    assert isinstance(empty.exception, InvalidField)
    with open_as("LAB") as session:
        assert store.own(session).contact == "010-1"
        (entry,) = audit_store.newest(session, limit=1)
        assert (entry.action, list(entry.said)) == ("organization.changed", ["contact"])
