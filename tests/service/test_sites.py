"""The sites of a laboratory: entered, changed, ended, and what stands at each.

A plant has a switchyard within it, which is a site of its own; a gauge in the boiler hall stands
at the plant, one in bay 1 of the switchyard at the switchyard.
"""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from service import figures
from service.actions import sites
from service.errors import InvalidField, NotFound
from service.figures import FigureName
from service.places import PLACES, site_at, stretches
from service.sites import items_at, standings, stretches_of
from service.store import due as due_store
from service.store import items as item_store
from service.store import sites as store
from service.store.due import Asked
from service.tables.operations import AuditEntry
from tests.service import books
from tests.service.books import ACTOR, NOW

TODAY = NOW.date()
LATER = NOW + timedelta(hours=1)
PLACED = {
    "boiler": ["Plant", "Boiler hall"],
    "bay": ["Plant", "Switchyard", "Bay 1"],
    "fence": ["Plant", "Switchyard"],
    "other": ["plant", "Boiler hall"],
    "nowhere": [],
}


def enter(session, code, name_zh, **facts):
    return sites.add(session, code=code, name_zh=name_zh, actor_id=ACTOR, now=NOW, **facts)


def change(session, site_id, **facts):
    return sites.change(session, site_id, facts, actor_id=ACTOR, now=LATER)


@pytest.fixture
def placed(open_as):
    """The plant, its switchyard and five gauges in LAB's book; that of bay 1 is overdue."""
    with open_as("LAB") as session, session.begin():
        for name, location in PLACED.items():
            item_id = books.register(session, name, location=location).id
            day = date(2024, 1, 1) if name == "bay" else date(2026, 2, 1)
            books.calibrate(
                session, "", day, item_id=item_id, valid_until=day + timedelta(days=365)
            )
        return enter(session, "P", "Plant").id, enter(session, "S", "Switchyard").id


def told(session, on=TODAY):
    return {
        one.site.code if one.site else None: (one.items, one.overdue)
        for one in standings(session, on=on)
    }


def test_an_item_stands_at_the_innermost_of_its_places_that_is_a_site(open_as, placed):
    with open_as("LAB") as session:
        found = told(session)

    assert found == {"P": (1, 0), "S": (2, 1), None: (2, 0)}


def test_what_is_counted_at_a_site_is_what_board_and_ledger_show_of_it(open_as, placed):
    with open_as("LAB") as session:
        for site_id, names in zip(placed, ({"boiler"}, {"bay", "fence"}), strict=True):
            here = stretches_of(session, site_id, on=TODAY)
            board = due_store.due(session, on=TODAY, asked=Asked(stretches=here))
            rows, matching = item_store.listed(session, stretches=here, offset=0, limit=9)

            assert {one.item.name_en for one in board} == names
            assert {item.name_en for item, _ in rows} == names
            assert matching == len(names)
        counts = due_store.counts(due_store.tally(session, asked=Asked(stretches=here)), on=TODAY)
        assert counts[due_store.DueStatus.OVERDUE] == 1


def test_figures_of_a_site_are_counted_from_what_stands_there(open_as, placed):
    with open_as("LAB") as session:
        told = [
            figures.rows_of(
                session, FigureName.WITHIN_VALIDITY, first=TODAY, last=TODAY, on=TODAY,
                only=items_at(session, site_id, on=TODAY),
            )
            for site_id in placed
        ]  # fmt: skip
        overdue = [
            figures.overdue(session, on=TODAY, only=items_at(session, site_id, on=TODAY))
            for site_id in placed
        ]

    assert [sorted(bool(row.counts) for row in rows) for rows in told] == [[True], [False, True]]
    assert overdue[0] == []
    assert sum(overdue[1][0].by_age) == 1


def test_without_the_inner_site_its_items_stand_at_the_outer_one(open_as, placed):
    with open_as("LAB") as session, session.begin():
        change(session, placed[1], ended_on=TODAY, ended_because="sold")

        assert told(session, TODAY)["S"] == (2, 1)
        assert told(session, TODAY + timedelta(days=1)) == {"P": (3, 1), None: (2, 0)}
        assert [row.code for row in store.by_code(session)] == ["P", "S"]


def test_an_end_is_taken_back_and_both_stay_in_the_audit_log(open_as, placed):
    with open_as("LAB") as session, session.begin():
        change(session, placed[1], ended_on=TODAY, ended_because="sold")
        change(session, placed[1], ended_on=None)
        said = [
            row.said
            for row in session.exec(
                select(AuditEntry)
                .where(AuditEntry.subject_id == placed[1])
                .order_by(col(AuditEntry.position))
            )
        ]

        assert told(session, TODAY + timedelta(days=1))["S"] == (2, 1)
    assert said == [
        {"code": "S", "name_zh": "Switchyard"},
        {"ended_on": f"None → {TODAY}", "ended_because": "None → sold"},
        {"ended_on": f"{TODAY} → None", "ended_because": "sold → None"},
    ]


def test_what_changes_nothing_leaves_nothing_behind(open_as, placed):
    with open_as("LAB") as session, session.begin():
        assert change(session, placed[0], name_zh=" Plant ", code="P").changed_at is None
        assert change(session, placed[0], contact="gate 2").changed_at == LATER


@pytest.mark.parametrize(
    ("facts", "pointer"),
    [
        ({"code": " "}, "/code"),
        ({"code": "S"}, "/code"),
        ({"name_zh": ""}, "/name_zh"),
        ({"name_zh": "Switchyard"}, "/name_zh"),
        ({"name_zh": "Plant / Switchyard"}, "/name_zh"),
        ({"ended_on": TODAY}, "/ended_because"),
        ({"ended_because": "sold"}, "/ended_on"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_leaves_the_site_as_it_was(
    open_as, placed, facts, pointer
):
    with open_as("LAB") as session, session.begin():
        with pytest.raises(InvalidField) as refusal:
            change(session, placed[0], **facts)
        site = store.get(session, placed[0])

        assert refusal.value.pointer == pointer
        assert (site.code, site.name_zh, site.changed_at) == ("P", "Plant", None)


def test_two_sites_share_neither_code_nor_name(open_as, placed):
    with open_as("LAB") as session, session.begin():
        for code, name, pointer in (("P", "Yard", "/code"), ("Y", "Plant", "/name_zh")):
            with pytest.raises(InvalidField, match=pointer):
                enter(session, code, name)
    with open_as("ENT") as session, session.begin():
        assert enter(session, "P", "Plant").code == "P"


def test_a_site_of_another_book_is_not_there(open_as, placed):
    with open_as("ENT") as session, pytest.raises(NotFound):
        store.get(session, placed[0])


NAMES = st.sampled_from(["a", "A", "b", "a b", "c", "d"])
LOCATIONS = st.lists(st.lists(NAMES, min_size=1, max_size=5), max_size=20)


@given(LOCATIONS, st.sets(NAMES, min_size=1))
def test_the_stretches_of_a_site_hold_just_the_places_whose_innermost_site_it_is(locations, names):
    places = [PLACES.join(location) for location in locations]

    def is_within(place, outer):
        return f"{place}{PLACES}".startswith(f"{outer}{PLACES}")

    for name in names:
        found = stretches(places, names, name)
        for location, place in zip(locations, places, strict=True):
            is_in = any(
                is_within(place, one.within) and not any(is_within(place, but) for but in one.but)
                for one in found
            )
            assert is_in == (site_at(location, {n: n for n in names}) == name)
