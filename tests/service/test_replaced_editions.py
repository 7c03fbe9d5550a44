"""A laboratory replaces an edition of its own: new work after its last day, and what was before.

LAB's own edition of JJG 52 is in force from January to 1 March 2026, the day of the bench; from
2 March on it is the catalogue's again. On both engines.
"""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from service import worksheets
from service.actions import procedures, signing_off, work_orders
from service.catalogue import edition_named
from service.errors import NotFound
from service.store import certificates as certificate_store
from service.store import work_orders as store
from service.work_order_states import State
from tests.seals import SEALS
from tests.service import books, workshop
from tests.service.books import ACTOR, KEYS, NOW
from tests.service.workshop import TODAY, sheet

TOMORROW = NOW + timedelta(days=1)
OF_LAB = (
    edition_named("JJG 52", "2013")
    .text.replace('edition = "2013"', 'edition = "2026-LAB"\nbased_on = "JJG 52-2013"')
    .replace("in_force_from = 2013-12-27", f"in_force_from = 2026-01-01\nin_force_until = {TODAY}")
)
LAB_ONLY = OF_LAB.replace('code = "JJG 52"', 'code = "LAB-G 01"')


@pytest.fixture
def lab(open_as):
    @contextmanager
    def open_():
        with open_as("LAB") as session, session.begin():
            session.expire_on_commit = False
            yield session

    return open_


@pytest.fixture
def bench(open_as, owner, names, story, lab):
    workshop.authorise(owner, names.LAB)
    with lab() as session:
        for text in (OF_LAB, LAB_ONLY):
            procedures.keep(session, text, actor_id=ACTOR, now=NOW)
    return workshop.bench(open_as, names, story)


def test_new_work_goes_by_the_next_edition_and_a_result_keeps_the_one_it_was_made_by(lab, bench):
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))
        row = workshop.submit(session, bench.people, bench.line_id)
        other = workshop.on_the_bench(session, bench.people, workshop.gauge(session, "another"))
        drawn = worksheets.open_worksheet(session, other, now=NOW).edition.name
        drawn_later = worksheets.open_worksheet(session, other, now=TOMORROW).edition.name

        for state in (State.CHECKED, State.APPROVED):
            signing_off.sign_off(
                session, bench.line_id, state, person=bench.people[state],
                authenticated_at=TOMORROW, now=TOMORROW,
            )  # fmt: skip
        signing_off.issue(
            session, bench.line_id, render=lambda *_: {"html": b"<p>page</p>"}, url=None,
            person=bench.people["approved"], keys=KEYS, seals=SEALS, now=TOMORROW,
        )  # fmt: skip
        explained = signing_off.edition_used(session, row)
        certificate = certificate_store.of_calibration(session, row.id)

    assert (drawn, drawn_later) == ("JJG 52-2026-LAB", "JJG 52-2013")
    assert explained.name == "JJG 52-2026-LAB"
    assert certificate is not None


def test_where_no_edition_follows_new_work_is_refused_with_the_reason_and_nothing_is_lost(
    lab, bench, owner
):
    with lab() as session:
        item = workshop.gauge(session, "third")
        order = work_orders.request(
            session,
            [work_orders.Asked(item_id=item.id, procedure_code="LAB-G 01")],
            requested_by=bench.people["checked"],
            now=NOW,
        )
        (line,) = store.lines(session, order.id)
        in_time = worksheets.open_worksheet(session, line.id, now=NOW).edition.name

    def open_later():
        with lab() as session:
            worksheets.open_worksheet(session, line.id, now=TOMORROW)

    refused = books.refusing(owner, open_later, NotFound)

    assert in_time == "LAB-G 01-2026-LAB"
    assert "LAB-G 01 on 2026-03-02 (LAB-G 01-2026-LAB ended)" in str(refused)
