"""Somebody who owns the database alters the audit log; the check names the first broken entry.

The laboratory has done forty things. Its log is altered one field at a time, entries are deleted,
swapped, cut off.
"""

import json
from itertools import pairwise

import pytest
from sqlalchemy import text
from typer.testing import CliRunner
from uuid_utils.compat import uuid7

from service import audit
from service.cli import app as command_line
from service.store import audit as store
from service.tables.operations import AuditEntry
from tests.service.books import ACTOR, NOW

MANY = 40
OTHERWISE = {
    "recorded_at": lambda _row: NOW.replace(year=2020),
    "actor_id": lambda _row: uuid7(),
    "action": lambda row: row.action + "x",
    "subject_id": lambda _row: uuid7(),
    "said": lambda row: {**row.said, "why": "another reason"},
    "previous_sha256": lambda _row: "0" * 63 + "1",
    "sha256": lambda _row: "f" * 64,
}


@pytest.fixture
def chain(open_as):
    with open_as("LAB") as session, session.begin():
        for number in range(MANY):
            audit.record(
                session, "tried", uuid7(), actor_id=ACTOR, now=NOW, said={"number": str(number)}
            )
    with open_as("LAB", read_only=True) as session:
        return [AuditEntry(**row.model_dump()) for row in store.chain(session)]


def copied(chain):
    return [AuditEntry(**row.model_dump()) for row in chain]


def broken_at(entries, **values):
    broken = audit.first_broken(entries, **values)
    return broken.position if broken else None


def test_a_chain_that_nobody_touched_holds(chain):
    assert len(chain) == MANY
    assert audit.first_broken(chain) is None
    assert audit.first_broken([]) is None


def test_each_field_of_each_entry_is_sealed(chain):
    tried = 0
    for position in range(MANY):
        for field, other in OTHERWISE.items():
            altered = copied(chain)
            setattr(altered[position], field, other(altered[position]))

            assert broken_at(altered) == position
            tried += 1
    assert tried >= 280


def test_what_is_deleted_swapped_or_put_between_is_noticed(chain):
    for position in range(MANY - 1):
        deleted = copied(chain)
        del deleted[position]
        assert broken_at(deleted) == position

        swapped = copied(chain)
        swapped[position], swapped[position + 1] = swapped[position + 1], swapped[position]
        for place, row in enumerate(swapped):
            row.position = place
        assert broken_at(swapped) == position


def test_a_tail_that_is_cut_off_is_noticed_by_who_kept_an_end(chain):
    end = (chain[-1].position, chain[-1].sha256)

    for kept in range(MANY):
        assert audit.first_broken(chain[:kept]) is None
        assert broken_at(chain[:kept], end=end) == kept
    assert audit.first_broken(chain, end=end) is None


def test_a_chain_sealed_anew_from_the_middle_is_noticed_by_who_kept_an_end(chain):
    """Whoever owns the database and knows the rule can seal anew all that follows."""
    kept = (chain[20].position, chain[20].sha256)
    forged = copied(chain)
    forged[10].action = "nothing.happened"
    for before, row in pairwise([forged[9], *forged[10:]]):
        row.previous_sha256 = before.sha256
        row.sha256 = audit.seal_of(row)

    assert audit.first_broken(forged) is None
    assert broken_at(forged, end=kept) == 20


def test_the_command_names_the_first_broken_entry(chain, owner, database, monkeypatch, names):
    monkeypatch.setenv("SUYUAN_DATABASE_URL", database.application)

    def check():
        result = CliRunner().invoke(command_line, ["audit", "check", "--json"])
        return result.exit_code, {row["organization"]: row for row in json.loads(result.stdout)}

    code, told = check()
    assert code == 0
    assert told["LAB"]["end_position"] == MANY - 1
    with owner.begin() as connection:  # as the owner, past the guards
        guards = {"sqlite": "DROP TRIGGER audit_entry_no_update",
                  "postgresql": "ALTER TABLE audit_entry DISABLE TRIGGER ALL"}  # fmt: skip
        connection.execute(text(guards[owner.dialect.name]))
        connection.execute(text("UPDATE audit_entry SET action = 'never' WHERE position = 7"))
        back = {"sqlite": "CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry "
                          "BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END",
                "postgresql": "ALTER TABLE audit_entry ENABLE TRIGGER ALL"}  # fmt: skip
        connection.execute(text(back[owner.dialect.name]))

    code, told = check()

    assert code == 3
    assert told["LAB"]["broken_position"] == 7
    assert told["LAB"]["reason"] == "says something else than when it was sealed"
    assert told["ENT"]["reason"] is None
