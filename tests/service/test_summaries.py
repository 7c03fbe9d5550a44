"""Four organizations state how their items stand in March; in April everybody reads the sums."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from service import summaries
from service.actions import summaries as actions
from service.errors import NotFound
from service.store import summaries as store
from service.tables.items import Item
from service.tables.organizations import OrganizationSummary
from service.tenancy import CrossesTenants, SummingSession
from tests.service import books, entering
from tests.service.books import ACTOR, NOW

APRIL = date(2026, 4, 1)


def state(open_as, code, *, gauges, now=NOW, overdue=0):
    with open_as(code) as session, session.begin():
        for number in range(gauges):
            books.calibrate(session, f"{code} {number}", date(2026, 1, 1))
        for number in range(overdue):
            books.calibrate(session, f"{code} late {number}", date(2025, 1, 1),
                            valid_until=date(2025, 12, 31))  # fmt: skip
        return dict(actions.state(session, actor_id=ACTOR, now=now).counts)


def test_an_organization_states_how_its_items_stand(open_as, names):
    with open_as("LAB") as session, session.begin():
        books.register(session, "never calibrated")
        books.register(session, "a customer's", customer_id=names.ENT)
        books.register(session, "out", status="out_of_service")

    assert state(open_as, "LAB", gauges=2, overdue=1) == {
        "pressure": {"valid": 2, "overdue": 1, "not_calibrated": 1}
    }


def test_the_sums_of_a_month_are_told_when_it_is_over_and_stay(open_as, engine, names):
    for code, gauges in (("NIM", 4), ("LAB", 3), ("ENT", 3)):
        state(open_as, code, gauges=gauges, overdue=1 if code == "LAB" else 0)
    assert summaries.periods(engine, today=date(2026, 3, 31)) == []
    with pytest.raises(NotFound):
        summaries.summary(engine, "2026-03", today=date(2026, 3, 31))

    told = summaries.summary(engine, "2026-03", today=APRIL)
    state(open_as, "OTH", gauges=9, now=datetime(2026, 4, 2, tzinfo=UTC))

    (pressure,) = told.quantities
    assert pressure.counts == {"valid": 10, "overdue": None, "not_calibrated": None}
    assert told.totals == pressure.counts
    assert told.organizations == 3
    assert summaries.summary(engine, "2026-03", today=date(2026, 6, 1)) == told
    assert summaries.periods(engine, today=date(2026, 6, 1)) == ["2026-04", "2026-03"]


def test_the_last_statement_of_a_month_holds(open_as, engine, names):
    for code in ("NIM", "LAB", "ENT"):
        state(open_as, code, gauges=4)
    state(open_as, "ENT", gauges=1, now=datetime(2026, 3, 20, tzinfo=UTC))

    (pressure,) = summaries.summary(engine, "2026-03", today=APRIL).quantities
    assert pressure.counts["valid"] == 13


def test_what_is_stated_twice_in_one_moment_is_stated_once(open_as, names):
    first = state(open_as, "LAB", gauges=2)

    again = state(open_as, "LAB", gauges=1)

    assert again == first
    with open_as("LAB") as session:
        assert len(store.own(session)) == 1


def test_two_are_too_few_for_anything_to_be_told(open_as, engine, names):
    state(open_as, "NIM", gauges=3)
    state(open_as, "LAB", gauges=3)

    told = summaries.summary(engine, "2026-03", today=APRIL)

    assert (told.organizations, told.quantities) == (None, ())


# --- The wall ------------------------------------------------------------------------------------


def test_what_one_organization_stated_no_other_reads(open_as, engine, names):
    """Nor on PostgreSQL by plain SQL, but in a transaction that says it sums."""
    state(open_as, "LAB", gauges=1)

    with open_as("LAB") as session:
        assert "2026-03" in {row.period for row in store.own(session)}
    with open_as("OTH") as session:
        assert session.execute(select(OrganizationSummary)).all() == []
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SET LOCAL suyuan.organization_id = '{names.OTH}'")
            assert connection.scalar(text("SELECT count(*) FROM organization_summary")) == 0


def test_who_sums_reads_no_book_and_writes_nothing(open_as, engine, names):
    state(open_as, "LAB", gauges=1)
    asked = (select(Item), text("SELECT 1"), select(col(OrganizationSummary.period), col(Item.id)))

    for statement in asked:
        with SummingSession(engine) as session, pytest.raises(CrossesTenants):
            session.execute(statement)
    with SummingSession(engine) as session, pytest.raises(CrossesTenants):
        session.connection()
    with SummingSession(engine) as session, pytest.raises(CrossesTenants), session.begin():
        session.execute(select(OrganizationSummary).limit(1)).scalar_one().period = "2026-01"
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.exec_driver_sql("SET LOCAL suyuan.summing = 'on'")
            assert connection.scalar(text("SELECT count(*) FROM organization_summary")) > 0
            assert connection.scalar(text("SELECT count(*) FROM item")) == 0


# --- The doors -----------------------------------------------------------------------------------


def test_an_administrator_states_and_everybody_reads(app, enter, open_as, clock, names):
    for code in ("NIM", "ENT"):
        state(open_as, code, gauges=4)
    with open_as("LAB") as session, session.begin():
        for name in "abcd":
            books.calibrate(session, name, date(2026, 1, 1))
    administrator, viewer = enter("administrator", "chen"), enter("viewer", "zhou", "OTH")

    stated = administrator.post("/v1/summaries")
    assert stated.status_code == 201
    assert stated.json()["counts"] == {"pressure": {"valid": 4}}
    assert viewer.post("/v1/summaries").status_code == 403
    assert [row["period"] for row in administrator.get("/v1/summaries/own").json()] == ["2026-03"]

    clock.now = datetime(2026, 4, 1, tzinfo=UTC)
    viewer = entering.entered(app, names.OTH, "viewer", "zhao")
    assert viewer.get("/v1/summaries").json() == ["2026-03"]
    told = viewer.get("/v1/summaries/2026-03").json()
    assert told["totals"] == {"valid": 12, "overdue": None, "not_calibrated": None}
    assert viewer.get("/v1/summaries/2026-02").status_code == 404
    assert viewer.get("/v1/summaries/2026-13").status_code == 422
    assert viewer.get("/v1/summaries/own").json() == []
    page = viewer.get("/summaries", params={"lang": "en"}, headers={"accept": "text/html"}).text
    assert "3 organizations" in page
    assert page.count("withheld</span>") == 4
    assert "不公布" in viewer.get("/summaries?lang=zh", headers={"accept": "text/html"}).text
