"""Each wall between the books is taken away in turn, and the test that guards it turns red.

A test of a wall that stays green without it proves nothing. Where another wall behind it holds,
the table says so: what one forgets on SQLite, row-level security still stops on PostgreSQL.

Source: the leak matrix of the tenancy's design; each line of it is a line here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event, text, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import with_loader_criteria
from sqlmodel import Session

from service import tenancy
from service.tables.items import Item
from service.tables.people import Identity
from service.tenancy import READABLE, GrantedSession, SummingSession, TenantSession
from tests.service import test_grants, test_summaries, test_wall
from tests.service.test_wall import story

__all__ = ["story"]

Act = Callable[[SimpleNamespace], Any]
# What becomes of the test that guards a wall, on SQLite and on PostgreSQL.
RED = "it turns red"
DATABASE = "the database refuses"
GREEN = "another wall holds"


@dataclass(frozen=True)
class Removal:
    """A wall taken away, and the test that guards it.

    Attributes:
        take_away: does so, in this test's process or database.
        check: that test.
        outcomes: what becomes of it, on SQLite and on PostgreSQL.
    """

    take_away: Act
    check: Act
    outcomes: tuple[str, str]


def patched(name: str, value: Any, *, of: Any = tenancy) -> Act:
    return lambda world: world.monkeypatch.setattr(of, name, value)


def as_owner(*statements: str, sqlite: tuple[str, ...] = ()) -> Act:
    """Take a wall of the database away, which only its owner can."""

    def take_away(world):
        chosen = sqlite if world.owner.dialect.name == "sqlite" else statements
        with world.owner.begin() as connection:
            for statement in chosen:
                connection.execute(text(statement))

    return take_away


def without_keys(world: SimpleNamespace) -> None:
    """Let foreign keys leave the book, as keys without the organization in them would."""
    if world.engine.dialect.name == "sqlite":
        event.listen(
            world.engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys = OFF")
        )
        world.engine.dispose()
        return
    key = "fk_calibration_organization_id_item_id"
    as_owner(f"ALTER TABLE calibration DROP CONSTRAINT {key}")(world)


def open_to_all(table_class: Any, _organization_id: Any) -> Any:
    return with_loader_criteria(table_class, true(), include_aliases=True)


def only_the_class(table_class: Any, organization_id: Any) -> Any:
    mine = table_class.__table__.c.get("organization_id", true()) == organization_id
    return with_loader_criteria(table_class, mine, include_aliases=False)


def nothing(*_arguments: Any, **_named: Any) -> None:
    """Check nothing."""


def whole_book(self: GrantedSession, engine: Any, organization_id: Any, _part: str) -> None:
    """Open a granted book in all its tables."""
    TenantSession.__init__(self, engine, organization_id, read_only=True)


def unstamped(session: TenantSession, table_class: Any, rows: Any) -> None:
    """Add rows as they say whose they are."""
    super(TenantSession, session).connection().execute(table_class.__table__.insert(), list(rows))


def strangers_find_nothing(way: str) -> Act:
    return lambda world: test_wall.test_a_stranger_finds_nothing_of_any_book(
        world.open_as, world.story, way
    )


def is_refused(statement: str) -> Act:
    return lambda world: test_wall.test_what_cannot_be_narrowed_is_refused(
        world.open_as, world.story, statement
    )


def bulk_is_refused(way: str) -> Act:
    return lambda world: test_wall.test_nothing_is_written_past_the_check_of_each_row(
        world.open_as, world.names, world.story, world.owner, way, False
    )


def with_world(test: Callable[..., Any], *names: str) -> Act:
    return lambda world: test(*(getattr(world, name) for name in names))


REMOVALS = {
    # The session's own walls.
    "select narrowed to the organization": Removal(
        patched("_criterion", open_to_all), strangers_find_nothing("entity"), (RED, GREEN)
    ),
    "an aliased class narrowed too": Removal(
        patched("_criterion", only_the_class), strangers_find_nothing("aliased"), (RED, GREEN)
    ),
    "a known key narrowed": Removal(
        patched("_criterion", open_to_all),
        with_world(
            test_wall.test_a_known_key_of_another_book_finds_nothing,
            "open_as", "names", "story", "owner",
        ),
        (RED, GREEN),
    ),
    "a customer reads its own book alone": Removal(
        patched("_criterion", open_to_all),
        with_world(
            test_wall.test_a_customer_reads_what_the_certificate_names_and_no_more,
            "open_as", "story",
        ),
        (RED, GREEN),
    ),
    "text refused": Removal(
        patched("_is_understood", lambda *_: True), is_refused("text within"), (RED, RED)
    ),
    "bare tables refused": Removal(
        patched("_mapped", lambda *_: Item), is_refused("core inside"), (RED, RED)
    ),
    "accounts refused": Removal(
        patched("READABLE", {*READABLE, *tenancy.OF_THE_LOG_IN, Identity}),
        is_refused("identity"), (RED, RED),
    ),
    "changes of what is not the book's refused": Removal(
        patched("_check_change", nothing, of=TenantSession),
        is_refused("update into another book"), (RED, RED),
    ),
    "each row checked": Removal(
        patched("_check_rows", nothing, of=TenantSession),
        with_world(
            test_wall.test_no_row_is_written_into_another_book,
            "open_as", "names", "story", "owner",
        ),
        (DATABASE, DATABASE),
    ),
    "rows of another session refused": Removal(
        patched("_check_origin", nothing, of=TenantSession),
        with_world(
            test_wall.test_a_row_that_only_claims_to_be_loaded_is_refused,
            "open_as", "names", "story",
        ),
        (RED, RED),
    ),
    "rows in bulk stamped": Removal(
        patched("insert", unstamped, of=TenantSession),
        with_world(
            test_wall.test_rows_added_in_bulk_are_stamped_as_the_sessions_own,
            "open_as", "names", "story",
        ),
        (RED, DATABASE),
    ),
    "bulk methods refused": Removal(
        patched("_bulk_save_mappings", Session._bulk_save_mappings, of=TenantSession),  # noqa: SLF001
        bulk_is_refused("insert"), (RED, DATABASE),
    ),
    "no bare connection": Removal(
        patched("connection", Session.connection, of=TenantSession),
        with_world(test_wall.test_a_session_gives_no_bare_connection, "open_as"),
        (RED, RED),
    ),
    # The database's.
    "the organization in every foreign key": Removal(
        without_keys,
        lambda world: test_wall.test_a_foreign_key_cannot_leave_the_book(
            world.open_as, world.names, world.story, "item"
        ),
        (RED, RED),
    ),
    "row-level security": Removal(
        as_owner("ALTER TABLE calibration DISABLE ROW LEVEL SECURITY"),
        with_world(
            test_wall.test_what_holds_without_our_session, "engine", "owner", "names", "story"
        ),
        (GREEN, RED),
    ),
    "a policy of the own organization": Removal(
        as_owner("ALTER POLICY readable ON calibration USING (true)"),
        with_world(
            test_wall.test_what_holds_without_our_session, "engine", "owner", "names", "story"
        ),
        (GREEN, RED),
    ),
    "a policy for what is added": Removal(
        as_owner("ALTER POLICY addable ON item WITH CHECK (true)"),
        with_world(
            test_wall.test_what_can_be_forged_without_our_session,
            "engine", "owner", "names", "story",
        ),
        (GREEN, RED),
    ),
    "records kept by triggers": Removal(
        as_owner(
            "DROP TRIGGER access_grant_append_only ON access_grant",
            sqlite=("DROP TRIGGER access_grant_no_update",),
        ),
        with_world(test_wall.test_even_the_owner_cannot_rewrite_a_record, "owner", "story"),
        (RED, RED),
    ),
    "the issuer's code in each number": Removal(
        as_owner(
            "ALTER TABLE certificate_entry DROP CONSTRAINT ck_certificate_entry_number_in_own_name",
            sqlite=("PRAGMA ignore_check_constraints = ON",),
        ),
        lambda world: test_wall.test_a_certificate_number_begins_with_the_code_of_its_issuer(
            world.open_as, world.story, "LABX-2026-00001-A"
        ),
        (GREEN, RED),
    ),
    # Grants and sums.
    "one part a session": Removal(
        patched("__init__", whole_book, of=GrantedSession),
        with_world(
            test_grants.test_a_granted_session_reads_its_part_and_refuses_the_rest,
            "engine", "names", "story",
        ),
        (RED, RED),
    ),
    "what is stated, for its holder": Removal(
        patched("_criterion", open_to_all),
        with_world(
            test_summaries.test_what_one_organization_stated_no_other_reads,
            "open_as", "engine", "names",
        ),
        (RED, GREEN),
    ),
    "who sums reads no book": Removal(
        patched("_check_statement", nothing, of=SummingSession),
        with_world(
            test_summaries.test_who_sums_reads_no_book_and_writes_nothing,
            "open_as", "engine", "names",
        ),
        (RED, RED),
    ),
}  # fmt: skip


@pytest.fixture
def world(engine, owner, names, open_as, story, monkeypatch):
    return SimpleNamespace(
        engine=engine, owner=owner, names=names, open_as=open_as, story=story,
        monkeypatch=monkeypatch,
    )  # fmt: skip


@pytest.mark.parametrize("wall", REMOVALS)
def test_without_a_wall_its_test_turns_red(world, wall):
    removal = REMOVALS[wall]
    removal.take_away(world)

    assert (
        outcome(removal.check, world)
        == dict(zip(("sqlite", "postgresql"), removal.outcomes, strict=True))[
            world.engine.dialect.name
        ]
    )


def outcome(check: Act, world: SimpleNamespace) -> str:
    """Return what becomes of a test."""
    try:
        check(world)
    except (AssertionError, KeyError, pytest.fail.Exception):
        return RED
    except DBAPIError:
        return DATABASE
    return GREEN


def test_every_wall_has_a_test_that_turns_red_on_some_engine():
    """Or the database refuses by itself what the wall would have refused before."""
    assert [wall for wall, one in REMOVALS.items() if set(one.outcomes) == {GREEN}] == []
