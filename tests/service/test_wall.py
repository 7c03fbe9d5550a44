"""The stranger OTH looks at the laboratory's book by every path there is, on both engines.

The laboratory's book has a row in every table of a book, so that nothing is found because of the
wall and not because there is nothing.
"""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    CheckConstraint,
    Float,
    String,
    cast,
    column,
    exists,
    func,
    insert,
    inspect,
    join,
    literal,
    literal_column,
    select,
    table,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import aliased, make_transient_to_detached
from sqlalchemy.orm import join as orm_join
from sqlmodel import Session, SQLModel, col
from uuid_utils.compat import uuid7

from procedures.worksheet import Sheet
from service.actions import calibrations, deliveries, work_orders
from service.actions.plans import as_checked
from service.actions.work_orders import Asked
from service.actions.worksheets import as_content as sheet_content
from service.errors import NotFound
from service.guards import missing_guards
from service.planning import as_content
from service.planning_settings import PlanningSettings
from service.store import calibrations as store
from service.store import work_orders as work_order_store
from service.tables.calibrations import (
    Calibration,
    CalibrationReference,
    CalibrationResult,
    Influence,
    ProcedureEditionRecord,
    Publication,
    ResultInfluence,
)
from service.tables.certificates import CertificateCalibration, NumberCounter, Signature
from service.tables.exchange import Delivery
from service.tables.items import Item
from service.tables.operations import IdempotencyKey, Outbox
from service.tables.organizations import (
    AccessGrant,
    AccessGrantEnding,
    Organization,
    OrganizationSummary,
)
from service.tables.people import ApiKey, Identity, Person, PersonRole
from service.tables.published import (
    CertificateEntry,
    PublishedCalibration,
    PublishedReference,
    PublishedSupersession,
)
from service.tables.work_orders import EnvironmentReading, WorkOrderLine, WorksheetRevision
from service.tenancy import TENANT_CLASSES, TENANT_TABLES, WRITER, CrossesTenants, TenantSession
from tests.service import books
from tests.service.books import ACTOR, NOW
from traceability.planning.check import check_plan
from traceability.planning.problem import DueItem, PlanningProblem

TABLES = SQLModel.metadata.tables
APPEND_ONLY = sorted(name for name, table in TABLES.items() if table.info.get("append_only"))
# A table without an organization in its key is here because somebody decided it.
WITHOUT_TENANT = {
    "account",
    "federated_identity",
    "identity",
    "invitation",
    "log_leaf",
    "log_node",
    "login_session",
    "membership",
    "organization",
    "authorisation",
    "seal_record",
    "organization_summary",
    "published_calibration",
    "published_reference",
    "published_supersession",
    "certificate_entry",
}
EMPTY = Sheet(accuracy_class="1.6", parameters={}, environment={}, rows=())
BARE = TABLES["calibration"]
LIGHT = table("calibration", column("item_name_en"))


NO_ROWS = dict.fromkeys(("created", "updated", "unchanged", "conflict", "rejected"), 0)


CAN_DO = PlanningSettings.model_validate({
    "disciplines": [{"name": "pressure", "hours_per_week": 8, "hours_per_item": 2}], "persons": [],
}).model_dump(mode="json")  # fmt: skip
TO_PLAN = PlanningProblem(
    weeks=4,
    items=(DueItem(id=f"{UUID(int=1)}/calibration", site="site", discipline="pressure", hours=2,
                   due_week=3, latest_week=3),),
    capacity_hours={"pressure": (8.0,) * 4},
    persons=(),
)  # fmt: skip


def fill_in_the_rest(session, story):
    """Add a row to each table that only doors of their own write."""
    me, made = story.people["checked"].id, {"created_by": story.people["checked"].id}
    ids = {
        name: uuid7()
        for name in ("document", "event", "plan", "problem", "recall", "settings", "webhook")
    }
    result = session.execute(
        select(col(CalibrationResult.id)).where(
            col(CalibrationResult.calibration_id) == story.meter
        )
    ).scalar()
    checked = as_checked(check_plan(TO_PLAN, (1,)))
    recalled = {"recall_id": ids["recall"], "calibration_id": story.meter}
    rows = {
        "received_document": {"id": ids["document"], "name": "x", "media_type": "application/pdf",
                              "sha256": "", "content": b"x", "received_by": me, "received_at": NOW},
        "calibration_document": {"calibration_id": story.meter, "document_id": ids["document"]},
        "proposed_amendment": {"certificate_id": story.certificate, "content": {}, "sha256": "",
                               "reason_zh": "x", "reason_en": "x", "proposed_by": me,
                               "proposed_at": NOW},
        "period_policy": {"activity": "calibration", "rule": "organization", "subject": "",
                          "source": "x", "recorded_by": me, "recorded_at": NOW},
        "measurement_capability": {
            "quantity": "pressure", "lower": 0.0, "upper": 2.5, "unit": "MPa",
            "expression": "0.0005", "uncertainty_unit": "MPa", "accreditation": "CNAS L0000",
            "valid_from": NOW.date(), "note": "", "is_demonstration": False, "recorded_by": me,
            "recorded_at": NOW,
        },
        "site": {"code": "WALL-SITE", "name_zh": "示例一厂", "name_en": "Example Works",
                 "address_zh": "示例路1号", "address_en": "1 Example Road", "contact": "x",
                 "is_demonstration": False, "recorded_at": NOW},
        "due_override": {"item_id": story.lab_item, "activity": "calibration", "reason": "x",
                         "valid_until": NOW.date(), "approved_by": me, "recorded_on": NOW.date(),
                         "recorded_at": NOW},
        "item_event": {"item_id": story.lab_item, "kind": "repair", "happened_on": NOW.date(),
                       "note": "", "recorded_by": me, "recorded_at": NOW},
        "due_date": {"item_id": story.working_item, "activity": "maintenance", "area": "",
                     "serial_number": "", "words": "", "is_main": False, "source": "",
                     "is_stopped": False, "is_ended": False},
        "responsibility": {"area": "x", "recorded_by": me, "recorded_at": NOW},
        "notice_preference": {"person_id": me, "channel": "none", "language": "zh",
                              "recorded_at": NOW},
        "due_digest": {"person_id": me, "told_on": NOW.date(), "lines": [], "mail": "none",
                       "language": "zh", "due_at": NOW, "attempts": 0},
        "due_notice": {"item_id": story.working_item, "activity": "maintenance",
                       "due_on": NOW.date(), "stage": "90", "told_on": NOW.date()},
        "planning_settings": {"id": ids["settings"], "content": CAN_DO, "reason": "x",
                              "recorded_by": me, "recorded_at": NOW},
        "planning_problem": {"id": ids["problem"], "settings_id": ids["settings"],
                             "begins_on": date(2026, 2, 23), "known_on": NOW.date(),
                             "content": as_content(TO_PLAN), "left_out": []},
        "plan": {"id": ids["plan"], "problem_id": ids["problem"], "origin": "made",
                 "method": "local_search", "checked": checked, "call_off": checked,
                 "bound": 1.0, "is_complete": True, "conflicts": [], "solver": "x", "reason": "",
                 "made_by": me, "made_at": NOW},
        "plan_placement": {"plan_id": ids["plan"], "position": 0, "item_id": story.working_item,
                           "activity": "calibration", "valid_until": date(2026, 3, 20),
                           "week_on": date(2026, 3, 2)},
        "plan_acceptance": {"plan_id": ids["plan"], "accepted_by": me, "accepted_at": NOW},
        "recall": {"id": ids["recall"], "calibration_id": story.working,
                   "last_good_on": date(2026, 1, 1), "found_on": date(2026, 2, 1), "unit": "MPa",
                   "as_found": [], "assumption": "linear", "opened_at": NOW},
        "recall_suggestion": {"recall_id": ids["recall"], "found_by_id": story.meter},
        "recall_decision": {"recall_id": ids["recall"], "decision": "dropped", "reason": "x",
                            "person_id": me, "decided_at": NOW},
        "recall_calibration": recalled | {"item_id": story.lab_item, "path": [], "is_judged": True,
                                          "listed_at": NOW},
        "recall_case": recalled | {"result_id": result, "unit": "MPa", "value": 1.0,
                                   "recorded_verdict": "unknown", "corrected_verdict": "unknown"},
        "recall_closing": {"recall_id": ids["recall"], "item_id": story.lab_item,
                           "statement": "x", "closed_at": NOW},
        "calendar_feed": made | {"created_at": NOW},
        "job": made | {"kind": "x", "content": {}, "state": "done", "due_at": NOW, "attempts": 0,
                       "created_at": NOW},
        "ledger_import": made | {"file_name": "x", "content": b"x", "sha256": "",
                                 "settings": {"layout": "generic", "match_by": "asset_number",
                                              "all_or_nothing": False},
                                 "decisions": {}, "state": "refused", "counts": NO_ROWS,
                                 "answers": [], "changes": [], "created_at": NOW},
        "ledger_pull": made | {"url": "x", "every_minutes": 5,
                               "settings": {"match_by": "asset_number"}, "created_at": NOW},
        "webhook": made | {"id": ids["webhook"], "url": "x", "events": [], "generation": 1,
                           "created_at": NOW},
        "outbox": {"id": ids["event"], "event": "x", "content": {}, "due_at": NOW, "attempts": 0},
        "webhook_message": {"webhook_id": ids["webhook"], "event_id": ids["event"],
                            "state": "dead", "due_at": NOW, "attempts": 0},
    }  # fmt: skip
    classes = {table_class.__tablename__: table_class for table_class in TENANT_CLASSES}
    for name, row in rows.items():
        has_id = "id" in classes[name].__table__.columns
        session.insert(classes[name], [({"id": uuid7()} if has_id else {}) | row])


@pytest.fixture
def story(story, open_as, names):
    """The story, and a row in each of the tables that it does not touch."""
    until = NOW + timedelta(days=300)
    with open_as("LAB") as session, session.begin():
        grant = {"id": uuid7(), "grantee_id": names.NIM, "granted_at": NOW, "expires_at": until,
                 "parts": ["items"], "reason": "supervision of the year"}  # fmt: skip
        session.insert(AccessGrant, [grant])
        session.insert(
            AccessGrantEnding,
            [{"grant_id": grant["id"], "grantee_id": names.NIM, "ended_at": until,
              "ended_by": story.people["checked"].id, "reason": "the year is over"}],
        )  # fmt: skip
        session.insert(
            IdempotencyKey,
            [{"key": "1", "request_sha256": "", "status_code": 201, "answer": {},
              "created_at": NOW}],
        )  # fmt: skip
        session.insert(
            Outbox, [{"id": uuid7(), "event": "x", "content": {}, "due_at": NOW, "attempts": 0}]
        )
        session.insert(OrganizationSummary, [{"period": "2026-02", "stated_at": NOW, "counts": {}}])
        session.insert(
            ProcedureEditionRecord,
            [{"id": uuid7(), "code": "JJG 52", "edition": "2013", "sha256": "", "content": ""}],
        )
        fill_in_the_rest(session, story)
        checker = story.people["checked"]
        order = work_orders.request(
            session, [Asked(item_id=story.lab_item, procedure_code="JJG 52")],
            requested_by=checker, now=NOW,
        )  # fmt: skip
        work_orders.accept(session, order.id, person=checker, now=NOW)
        (line,) = work_order_store.lines(session, order.id)
        work_orders.receive(
            session, line.id, condition="sound", photos=[b"\xff\xd8\xff"], person=checker, now=NOW
        )
        work_orders.set_policy(
            session, signatories=3, items_a_day=9, reason="so we do", person=checker, now=NOW
        )
        session.insert(
            WorksheetRevision,
            [{"line_id": line.id, "revision": 1, "person_id": checker.id,
              "content": sheet_content(EMPTY),
              "sha256": "", "saved_at": NOW}],
        )  # fmt: skip
        session.insert(
            EnvironmentReading,
            [{"id": uuid7(), "place": "room", "condition": "temperature", "value": 20.0,
              "unit": "°C", "person_id": checker.id, "read_at": NOW}],
        )  # fmt: skip
        session.insert(
            PersonRole,
            [{"id": uuid7(), "person_id": checker.id, "role": "viewer", "given_at": NOW}],
        )
        session.insert(
            ApiKey,
            [{"id": uuid7(), "person_id": checker.id, "name": "x", "secret_hmac": "x",
              "scopes": [], "created_at": NOW, "expires_at": until}],
        )  # fmt: skip
        old = books.calibrate(
            session,
            "old",
            date(2024, 6, 1),
            terminal_reason="purchased",
            statement=calibrations.Statement(decision_rule="x", basis="x", verdict="pass"),
        )
        calibrations.end(session, old.id, reason="worn", actor_id=ACTOR, now=NOW)
        told = calibrations.publish(
            session,
            books.calibrate(session, "gone", date(2024, 7, 1), terminal_reason="purchased").id,
            actor_id=ACTOR,
            now=NOW,
        )
        calibrations.end(session, told.calibration_id, reason="lost", actor_id=ACTOR, now=NOW)
    return story


def of_organization(table_class, *columns):
    """Return a select over a class, by the column that every class of a book has."""
    return select(*(columns or (col(table_class.organization_id),))).select_from(table_class)


def recursive(table_class):
    start = select(col(table_class.organization_id).label("o")).cte(recursive=True)
    again = select(col(table_class.organization_id)).join(
        start, start.c.o == table_class.organization_id
    )
    return select(start.union(again).c.o)


WAYS: dict[str, Callable[[Any], Any]] = {
    "entity": select,
    "column": of_organization,
    "count": lambda c: select(func.count(col(c.organization_id))),
    "count of rows": lambda c: of_organization(c, func.count()),
    "aliased": lambda c: select(aliased(c)),
    "aliased column": lambda c: select(aliased(c).organization_id),
    "subquery": lambda c: select(of_organization(c).subquery()),
    "cte": lambda c: select(of_organization(c).cte()),
    "recursive cte": recursive,
    "union": lambda c: of_organization(c).union_all(select(aliased(c).organization_id)),
    "exists": lambda c: select(of_organization(c).exists()),
    "exists elsewhere": lambda c: select(col(Organization.id)).where(
        exists().where(col(c.organization_id) == Organization.id)
    ),
    "in": lambda c: select(col(Organization.id)).where(
        col(Organization.id).in_(of_organization(c))
    ),
    "scalar subquery": lambda c: select(
        of_organization(c, func.count(col(c.organization_id))).scalar_subquery()
    ),
    "join": lambda c: select(col(Organization.id)).join(
        c, col(c.organization_id) == Organization.id
    ),
    "outer join": lambda c: (
        select(c.organization_id)
        .select_from(Organization)
        .outerjoin(c, col(c.organization_id) == Organization.id)
        .where(col(c.organization_id).is_not(None))
    ),
    "where alone": lambda c: select(col(Organization.id)).where(
        col(c.organization_id) == Organization.id
    ),
    "cast": lambda c: select(cast(col(c.organization_id), String)),
    "aliased table": lambda c: select(aliased(c, c.__table__.alias()).organization_id),
    "union beneath": lambda c: select(union_all(of_organization(c), of_organization(c)).subquery()),
    "window": lambda c: of_organization(
        c, col(c.organization_id), func.row_number().over(order_by=col(c.organization_id))
    ),
}
NOTHING: tuple[Any, ...] = ([], [(0,)], [(False,)])


@pytest.mark.parametrize("way", WAYS)
def test_a_stranger_finds_nothing_of_any_book(open_as, story, way):
    with open_as("LAB") as session:
        own = {c.__tablename__: session.execute(WAYS[way](c)).all() for c in TENANT_CLASSES}
    with open_as("OTH") as session:
        found = {c.__tablename__: session.execute(WAYS[way](c)).all() for c in TENANT_CLASSES}

    assert [name for name, rows in own.items() if rows in NOTHING] == []
    assert {name: rows for name, rows in found.items() if rows not in NOTHING} == {}


def rows_of_laboratory(owner, names):
    """Return one row of each table that LAB wrote, with its class, as the owner sees it."""
    with Session(owner) as session:
        return {
            c: session.execute(
                select(c.__table__).where(
                    c.__table__.c[WRITER.get(c, "organization_id")] == names.LAB
                )
            )
            .mappings()
            .first()
            for c in (*TENANT_CLASSES, *(WRITER.keys() - set(TENANT_CLASSES)))
        }


def test_a_known_key_of_another_book_finds_nothing(open_as, names, story, owner):
    rows = rows_of_laboratory(owner, names)
    keys = {c: tuple(rows[c][column.name] for column in inspect(c).primary_key)
            for c in TENANT_CLASSES}  # fmt: skip

    with open_as("OTH") as session:
        found = [c.__tablename__ for c, key in keys.items() if session.get(c, key) is not None]

    assert found == []


CODE, NAME = col(Organization.code), col(Calibration.item_name_en)
FOREIGN_SQL = "(SELECT item_name_en FROM calibration LIMIT 1)"
REFUSED = {
    "text": text("SELECT item_name_en FROM calibration"),
    "core": select(BARE.c.item_name_en),
    "core count": select(func.count()).select_from(BARE),
    "core inside": select(col(Item.id)).where(col(Item.id).in_(select(BARE.c.item_id))),
    "core joined": select(BARE.c.item_name_en).join(Item, BARE.c.item_id == Item.id),
    "core alias": select(col(Item.id)).join(BARE.alias(), col(Item.id).is_not(None)),
    "core beside what all may read": select(col(Organization.id), BARE.c.item_name_en),
    "core update": update(TABLES["item"]).values(serial_number="x"),
    "core delete": TABLES["outbox"].delete(),
    "core insert": insert(TABLES["influence"]).values(label_zh="x", label_en="x"),
    "insert": insert(Item),
    "insert from": insert(Influence).from_select(["label_zh"], select(col(Item.name_zh))),
    "update of what all read": update(Organization).values(name_en="hacked"),
    "update into another book": update(Item).values(organization_id=uuid7()),
    "update from another class": update(Item)
    .where(col(Item.id) == Calibration.item_id)
    .values(use="x"),
    "update with a value from elsewhere": update(Item).values(
        use=select(BARE.c.item_name_en).limit(1).scalar_subquery()
    ),
    "update by a bare subquery": update(Item)
    .where(col(Item.id) == select(BARE.c.item_id).subquery().c.item_id)
    .values(use="x"),
    "identity": select(func.count(col(Identity.id))),
    "bare beside its class": select(
        func.count(col(Calibration.id)), select(func.count(BARE.c.id)).scalar_subquery()
    ),
    "bare under its class": select(col(aliased(Calibration, select(BARE).subquery()).item_name_en)),
    "another table under its class": select(
        col(aliased(Calibration, TABLES["item"], adapt_on_names=True).id)
    ),
    "bare to order by": select(CODE).order_by(
        select(BARE.c.item_name_en).limit(1).scalar_subquery()
    ),
    "light table": select(CODE).add_columns(LIGHT.c.item_name_en).join(LIGHT, true()),
    "lateral": select(CODE).add_columns(select(NAME).lateral().c.item_name_en),
    "text within": select(CODE).where(text("EXISTS (SELECT 1 FROM calibration)")),
    "literal column": select(CODE, literal_column(FOREIGN_SQL)),
    "text as operator": select(CODE.op(f"|| {FOREIGN_SQL} ||")("x")),
    "text before": select(CODE).prefix_with(f"{FOREIGN_SQL},"),
    "text behind": select(CODE).suffix_with(f"UNION ALL SELECT {FOREIGN_SQL}"),
    "text as hint": select(CODE).with_statement_hint(f"UNION ALL SELECT {FOREIGN_SQL}"),
    "from statement": select(Item).from_statement(text("SELECT * FROM item")),
    # Where SQLAlchemy adds no criteria to a class.
    "joined by hand": select(CODE).select_from(orm_join(Organization, Calibration, true())),
    "joined by hand within": select(
        CODE,
        select(func.count()).select_from(join(Calibration, Organization, true())).scalar_subquery(),
    ),
    "in a function of where": select(CODE).where(func.lower(NAME) == "canary-w"),
    "in a function beneath its class": select(
        col(Calibration.id),
        select(literal(1)).where(func.lower(NAME) == "canary-w").limit(1).scalar_subquery(),
    ),
    "second in a column": select(func.coalesce(CODE + NAME, "")),
}


@pytest.mark.parametrize("statement", REFUSED)
def test_what_cannot_be_narrowed_is_refused(open_as, story, statement):
    with open_as("OTH") as session, pytest.raises(CrossesTenants):
        session.execute(REFUSED[statement])


def influence(names, **said):
    return {"organization_id": names.LAB, "id": uuid7(), "label_zh": "x", "label_en": "x"} | said


# Ways past the unit of work, each with rows of LAB's.
BULK: dict[str, Callable[[Any, Any, Any], Any]] = {
    "save": lambda session, names, _: session.bulk_save_objects([Influence(**influence(names))]),
    "insert": lambda session, names, _: session.bulk_insert_mappings(Influence, [influence(names)]),
    "update": lambda session, _, key: session.bulk_update_mappings(Item, [key | {"use": "x"}]),
    "update by key": lambda session, _, key: session.execute(update(Item), [key | {"use": "x"}]),
    "update by parameters": lambda session, names, _: session.execute(
        update(Item), {"organization_id": names.LAB}
    ),
    "insert of an operator's": lambda session, *_: session.insert(
        Organization,
        [{"id": uuid7(), "code": "X", "name_zh": "", "name_en": "", "kind": "enterprise",
          "address": "", "contact": "", "is_demonstration": False}],
    ),
    "insert of an identity": lambda session, *_: session.insert(
        Identity, [{"id": uuid7(), "created_at": NOW}]
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", BULK)
@pytest.mark.parametrize("read_only", [False, True], ids=["writing", "reading"])
def test_nothing_is_written_past_the_check_of_each_row(
    open_as, names, story, owner, way, read_only
):
    before = books.count_rows(owner), rows_of_laboratory(owner, names)
    key = {"organization_id": names.LAB, "id": story.lab_item}

    with open_as("OTH", read_only=read_only) as session, pytest.raises(CrossesTenants):
        BULK[way](session, names, key)

    assert (books.count_rows(owner), rows_of_laboratory(owner, names)) == before


def test_a_row_that_only_claims_to_be_loaded_is_refused(open_as, names, story):
    """A refresh is not narrowed by SQLAlchemy: it believes the key of the row it is given."""
    key: dict[str, Any] = {"organization_id": names.LAB, "id": story.lab_item}
    row = Item(**key)
    make_transient_to_detached(row)

    with open_as("OTH") as session, pytest.raises(CrossesTenants):
        session.add(row)
    with open_as("OTH") as session, pytest.raises(CrossesTenants):
        session.merge(row, load=False)


def test_a_row_does_not_change_its_book(open_as, names, story):
    """Neither out of the own one, nor into it what a grant lets one see."""
    with open_as("LAB") as session, pytest.raises(CrossesTenants), session.begin():
        session.get(Item, (names.LAB, story.lab_item)).organization_id = names.OTH
    with open_as("NIM") as session, pytest.raises(CrossesTenants), session.begin():
        session.execute(select(AccessGrant)).scalar_one().organization_id = names.NIM


def test_a_row_carries_no_sql_into_the_database(open_as, names):
    elsewhere = select(BARE.c.item_name_en).limit(1).scalar_subquery()

    said: list[Any] = [elsewhere, text(FOREIGN_SQL), literal_column(FOREIGN_SQL)]
    for sql in said:
        row = influence(names, organization_id=names.OTH, label_en=sql)
        with open_as("OTH") as session, pytest.raises(CrossesTenants), session.begin():
            session.add(Influence(**row))


def test_a_session_gives_no_bare_connection(open_as):
    with open_as("OTH") as session, pytest.raises(CrossesTenants):
        session.connection()


def test_a_session_without_an_organization_cannot_be_built(engine):
    with pytest.raises(TypeError):
        TenantSession(engine)  # type: ignore[call-arg]


@pytest.mark.parametrize("table_class", [Item, NumberCounter, Outbox])
def test_what_may_be_edited_is_edited_in_the_own_book_alone(open_as, story, owner, table_class):
    before = books.count_rows(owner)
    other = [key for key in inspect(table_class).columns.keys()  # noqa: SIM118  (by name)
             if key not in inspect(table_class).local_table.primary_key.columns][-1]  # fmt: skip
    unchanged = update(table_class).values({other: getattr(table_class, other)})

    with open_as("OTH") as session, session.begin():
        touched = session.execute(unchanged).rowcount
    with open_as("LAB") as session, session.begin():
        assert session.execute(unchanged).rowcount > 0

    assert touched == 0
    assert books.count_rows(owner) == before


@contextmanager
def refused(session):
    with pytest.raises((CrossesTenants, DBAPIError)), session.begin():
        yield


def test_no_row_is_written_into_another_book(open_as, names, story, owner):
    """A true copy of every kind of row that LAB wrote, offered by OTH."""
    rows = rows_of_laboratory(owner, names)
    before = books.count_rows(owner)

    for table_class, row in rows.items():
        with open_as("OTH") as session, pytest.raises(CrossesTenants), session.begin():
            session.add(table_class(**row))

    assert books.count_rows(owner) == before


def test_rows_added_in_bulk_are_stamped_as_the_sessions_own(open_as, names, story):
    id_ = uuid7()

    with open_as("OTH") as session, session.begin():
        session.insert(
            Influence,
            [{"organization_id": names.LAB, "id": id_, "label_zh": "热", "label_en": "heat"}],
        )

    with open_as("LAB") as session:
        assert session.get(Influence, (names.LAB, id_)) is None
    with open_as("OTH") as session:
        assert session.get(Influence, (names.OTH, id_)) is not None


def test_no_kind_of_row_added_in_bulk_lands_in_another_book(open_as, names, story, owner):
    """LAB's own rows again, under new ids: they become OTH's, or name what OTH does not have."""
    rows = rows_of_laboratory(owner, names)
    before = rows_written_by(owner, names.LAB)

    for table_class, row in rows.items():
        with open_as("OTH") as session, suppress(IntegrityError), session.begin():
            session.insert(table_class, [dict(row) | ({"id": uuid7()} if "id" in row else {})])

    assert rows_written_by(owner, names.LAB) == before
    assert sum(rows_written_by(owner, names.OTH).values()) > 10


def rows_written_by(owner, organization_id):
    """Return how many rows of each kind are an organization's."""
    writers = dict.fromkeys(TENANT_CLASSES, "organization_id") | WRITER
    with Session(owner) as session:
        return {
            table_class.__tablename__: session.execute(
                select(func.count())
                .select_from(table_class)
                .where(getattr(table_class, writer) == organization_id)
            ).scalar_one()
            for table_class, writer in writers.items()
        }


def test_who_only_reads_writes_nothing_in_any_way(open_as, names, story, owner):
    ways = [
        lambda session: books.register(session, "x"),
        lambda session: session.insert(
            Influence, [{"id": uuid7(), "label_zh": "x", "label_en": "x"}]
        ),
        lambda session: session.execute(update(Item).values(serial_number="x")),
        lambda session: setattr(session.get(Item, (names.LAB, story.lab_item)), "use", "x"),
        lambda session: session.delete(session.get(Item, (names.LAB, story.lab_item))),
        lambda session: calibrations.end(
            session, story.working, reason="x", actor_id=ACTOR, now=NOW
        ),
    ]
    before = rows_of_laboratory(owner, names), books.count_rows(owner)

    for way in ways:
        with open_as("LAB", read_only=True) as session, refused(session):
            way(session)
            session.flush()

    assert (rows_of_laboratory(owner, names), books.count_rows(owner)) == before


FOREIGN: dict[str, Callable[[Any, UUID, UUID], SQLModel]] = {
    "item": lambda lab, o, _: Calibration(organization_id=o,
        source="made", item_id=lab.lab_item, kind="calibration", item_name_zh="x",
        item_name_en="x", laboratory_zh="x", laboratory_en="x", performed_on=date(2026, 2, 1),
        recorded_at=NOW,
    ),
    "reference": lambda lab, o, own: CalibrationReference(organization_id=o,
        calibration_id=own, position=0, reference_id=lab.working, method_zh="x", method_en="x"
    ),
    "result": lambda lab, o, _: ResultInfluence(organization_id=o,
        result_id=lab.result, influence_id=uuid7(), component=1.0
    ),
    "certificate": lambda lab, o, own: CertificateCalibration(organization_id=o,
        calibration_id=own, certificate_id=lab.certificate
    ),
    "person": lambda lab, o, own: Signature(organization_id=o,
        subject_id=own, subject_sha256="", meaning="approved", signed_at=NOW, method="x",
        person_id=lab.people["approved"].id, identity_id=lab.people["approved"].identity_id,
    ),
    "order": lambda lab, o, _: WorkOrderLine(organization_id=o,
        work_order_id=uuid7(), position=0, item_id=lab.lab_item, procedure_code="x",
    ),
}  # fmt: skip


@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_foreign_key_cannot_leave_the_book(open_as, names, story, foreign):
    """What LAB has, named by its true id, is not there for OTH."""
    with open_as("LAB") as session:
        story.result = store.results(session, story.meter)[0].id
    with open_as("OTH") as session, session.begin():
        own = books.calibrate(session, "own", date(2026, 1, 1)).id

    with open_as("OTH") as session, pytest.raises(IntegrityError), session.begin():
        session.add(FOREIGN[foreign](story, names.OTH, own))


def test_only_the_holder_publishes_what_it_has(open_as, names, story):
    """The publication's two keys prove that book and layer have one holder."""
    with open_as("OTH") as session, pytest.raises(NotFound):
        calibrations.publish(session, story.national, actor_id=ACTOR, now=NOW)
    with open_as("OTH") as session, session.begin():
        own = books.calibrate(session, "own", date(2026, 1, 1)).id
    with open_as("OTH") as session, pytest.raises(IntegrityError), session.begin():
        session.insert(Publication, [{"calibration_id": own, "published_id": story.published}])
    with open_as("OTH") as session, pytest.raises(IntegrityError), session.begin():
        session.insert(
            PublishedReference,
            [{"calibration_id": story.published, "position": 7, "reference_id": story.published,
              "method_zh": "x", "method_en": "x"}],
        )  # fmt: skip


def test_only_the_holder_ends_what_it_published(open_as, names, story):
    end: dict[str, Any] = {"published_id": story.published, "superseded_at": NOW, "reason": "x"}

    with open_as("OTH") as session, pytest.raises(NotFound):
        calibrations.end(session, story.national, reason="x", actor_id=ACTOR, now=NOW)
    with open_as("OTH") as session, pytest.raises(IntegrityError), session.begin():
        session.add(PublishedSupersession(holder_id=names.OTH, **end))
    with open_as("OTH") as session, pytest.raises(CrossesTenants), session.begin():
        session.add(PublishedSupersession(holder_id=names.NIM, **end))


def test_who_was_told_of_a_calibration_cannot_publish_it_first(open_as, names, story):
    """ENT knows the id of LAB's meter calibration; publishing it there leaves LAB free to do so."""
    with open_as("OTH") as session, session.begin():
        session.add(
            PublishedCalibration(
                holder_id=names.OTH, calibration_id=story.working, item_id=story.working_item,
                kind="calibration", item_name_zh="x", item_name_en="x", laboratory_zh="x",
                laboratory_en="x", performed_on=date(2025, 6, 1), recorded_at=NOW,
            )
        )  # fmt: skip

    with open_as("LAB") as session, session.begin():
        published = calibrations.publish(session, story.working, actor_id=ACTOR, now=NOW)

        assert published.holder_id == names.LAB


def test_nobody_sends_in_anothers_name(open_as, names, story):
    forged: dict[str, Any] = {"kind": "calibration", "version": 1, "content": {}, "sent_at": NOW}

    with open_as("OTH") as session, pytest.raises(CrossesTenants), session.begin():
        session.add(Delivery(organization_id=names.ENT, sender_id=names.LAB, **forged))
    with open_as("OTH") as session, session.begin():
        session.insert(
            Delivery,
            [forged | {"id": uuid7(), "organization_id": names.ENT, "sender_id": names.LAB}],
        )

    with open_as("ENT") as session:
        senders = session.execute(select(col(Delivery.sender_id))).scalars().all()
        assert sorted(senders) == sorted([names.LAB, names.OTH])


def test_what_was_sent_is_read_by_its_recipient_alone(open_as, story):
    with open_as("LAB") as session:
        assert session.get(Delivery, (session.organization_id, story.delivery)) is None
    with open_as("LAB") as session, pytest.raises(NotFound):
        deliveries.take_in(session, story.delivery, story.lab_item, actor_id=ACTOR, now=NOW)


def test_a_customer_reads_what_the_certificate_names_and_no_more(open_as, story):
    with open_as("ENT") as session:
        read = set(session.execute(select(col(Calibration.item_name_en))).scalars())

        assert read == {"meter", "CANARY-W"}
        assert session.execute(select(col(Item.serial_number))).scalars().all() == ["SN meter"]
        assert session.execute(select(Person)).all() == []


def test_a_grantee_reads_by_opening_the_grantors_book_and_writes_nothing(open_as, names, story):
    with open_as("NIM") as session:
        granted = session.execute(select(col(AccessGrant.organization_id))).scalars().all()
        assert granted == [names.LAB]
        assert session.get(Calibration, (names.LAB, story.working)) is None

    with open_as("LAB", read_only=True) as session:
        assert session.get(Calibration, (names.LAB, story.working)) is not None
    with open_as("LAB", read_only=True) as session, refused(session):
        books.register(session, "x")


def test_a_grantee_cannot_prolong_its_grant(open_as, names, story):
    with open_as("NIM") as session, refused(session):
        grant = session.execute(select(AccessGrant)).scalar_one()
        grant.expires_at = datetime(2099, 1, 1, tzinfo=UTC)
        session.flush()

    with open_as("NIM") as session:
        assert session.execute(select(AccessGrant)).scalar_one().expires_at.year < 2099


REWRITES = {
    "sqlite": [
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "REPLACE INTO {table} SELECT * FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ],
    "postgresql": [
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "INSERT INTO {table} TABLE {table} ON CONFLICT ({key}) DO UPDATE SET {column} = NULL",
    ],
}


def test_even_the_owner_cannot_rewrite_a_record(owner, story):
    """Each append-only table has a row, so that a trigger for each row has something to refuse."""
    empty = {name for name, n in books.count_rows(owner).items() if n == 0}
    assert empty & {*APPEND_ONLY} == {"authorisation"}
    with Session(owner) as session, session.begin():
        holder = session.execute(select(col(Organization.id))).scalars().first()
        session.execute(
            insert(TABLES["authorisation"]).values(
                id=uuid7(), holder_id=holder, number="1", kind_zh="x", scope=[],
                valid_from=date(2026, 1, 1), valid_until=date(2027, 1, 1),
            )
        )  # fmt: skip
    rewritten = []
    for name in APPEND_ONLY:
        key = [column.name for column in TABLES[name].primary_key]
        for rewrite in REWRITES[owner.dialect.name]:
            statement = rewrite.format(table=name, column=key[-1], key=", ".join(key))
            with owner.connect() as connection:
                try:
                    connection.execute(text(statement))
                    rewritten.append(statement)
                except DBAPIError as error:
                    if "is append-only" not in str(error.orig):
                        rewritten.append(f"{statement}: {error.orig}")
                connection.rollback()

    assert rewritten == []


def test_only_tables_that_are_no_records_may_be_changed(owner):
    """Ledgers, counters, accounts and their sessions, what waits to be done, and addresses."""
    assert TABLES.keys() - set(APPEND_ONLY) == {
        "item", "item_due", "due_date", "due_digest", "ledger_import", "ledger_pull",
        "calendar_feed",
        "number_counter", "outbox", "job", "webhook", "webhook_message",
        "organization", "identity", "account", "federated_identity", "membership", "invitation",
        "login_session", "api_key", "site",
    }  # fmt: skip


# What a plain connection of the application's role sees, without our session: SQLite has no
# wall of its own, PostgreSQL shows nothing, or one book.
PLAIN = {"sqlite": ("all", "all", "all"), "postgresql": ("none", "one book", "none")}


def test_what_holds_without_our_session(engine, owner, names, story):
    with Session(owner) as session:
        every = dict(session.execute(
            select(BARE.c.organization_id, func.count()).group_by(BARE.c.organization_id)
        ).all())  # fmt: skip
    meaning = {"all": sum(every.values()), "one book": every[names.ENT], "none": 0}
    question = text("SELECT count(*) FROM calibration")

    with engine.connect() as connection:
        seen = [connection.scalar(question)]
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL suyuan.organization_id = '{names.ENT}'")
        seen.append(connection.scalar(question))
        connection.rollback()  # the setting is now '', not unset
        seen.append(connection.scalar(question))

    assert seen == [meaning[word] for word in PLAIN[engine.dialect.name]]
    assert len(set(meaning.values())) == 3


# How many of the tables, by engine, took a copy of another's row over a plain connection.
FORGEABLE = {"sqlite": "every table", "postgresql": "none"}


def test_what_can_be_forged_without_our_session(engine, owner, names, story):
    """On PostgreSQL a policy refuses every row that is not one's own, before any other check."""
    rows = rows_of_laboratory(owner, names)
    stopped = []
    for table_class, row in rows.items():
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL suyuan.organization_id = '{names.OTH}'")
            try:
                connection.execute(insert(table_class.__table__), dict(row))
            except DBAPIError as error:
                if "row-level security" in str(error.orig):
                    stopped.append(table_class)
            connection.rollback()

    told = {len(rows): "none", 0: "every table"}
    assert told[len(stopped)] == FORGEABLE[engine.dialect.name]


def test_every_key_of_a_book_begins_with_its_organization(owner):
    """And each table without one is on a list that somebody had to write."""
    database = inspect(owner)
    tables = set(database.get_table_names()) - {"alembic_version"}

    assert tables - TENANT_TABLES == WITHOUT_TENANT
    for name in TENANT_TABLES:
        keys = [
            database.get_pk_constraint(name),
            *(key for key in database.get_foreign_keys(name)
              if key["referred_table"] in TENANT_TABLES),
        ]  # fmt: skip
        columns = [key["constrained_columns"] for key in keys]
        columns += [key["column_names"] for key in database.get_unique_constraints(name)]
        assert {key[0] for key in columns} == {"organization_id"}, name


def test_the_reference_layer_never_points_into_a_book(owner):
    database = inspect(owner)

    pointed = {key["referred_table"] for table in WITHOUT_TENANT
               for key in database.get_foreign_keys(table)}  # fmt: skip

    assert pointed <= WITHOUT_TENANT


# What each loss is told by; several statements of one loss are apart by a line.
LOSSES = {
    "sqlite": {
        **{f"DROP TRIGGER {name}_no_{verb}": f"{name}_no_{verb}"
           for name in APPEND_ONLY for verb in ("update", "delete")},
        "DROP TRIGGER calibration_no_update\nCREATE TRIGGER calibration_no_update BEFORE UPDATE"
        " ON calibration BEGIN SELECT 1; END": "calibration_no_update",
        "PRAGMA recursive_triggers = OFF": "recursive_triggers",
    },
    "postgresql": {
        **{statement.format(table=name): f"{name}: {guard}"
           for names_, losses in (
               (TABLES, {
                   "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY": "walled",
                   "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY": "walled",
               }),
               (APPEND_ONLY, {
                   "DROP TRIGGER {table}_append_only ON {table}": "trigger",
                   "ALTER TABLE {table} DISABLE TRIGGER {table}_append_only": "trigger",
                   "GRANT UPDATE ON {table} TO suyuan_app": "suyuan_app may update",
                   "GRANT TRUNCATE ON {table} TO PUBLIC": "everyone may truncate",
               }),
           )
           for name in names_
           for statement, guard in losses.items()},
        "DROP POLICY readable ON item": "item: policy readable",
        "ALTER POLICY readable ON calibration USING (true)": "calibration: policy readable",
        "CREATE POLICY hole ON calibration FOR SELECT USING (true)": "calibration: policy hole",
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NULL; END $$": "calibration: trigger",
        "ALTER ROLE suyuan_app BYPASSRLS": "suyuan_app: passes row-level security",
        "GRANT UPDATE (item_name_en) ON calibration TO suyuan_app":
            "calibration: suyuan_app may update item_name_en",
        "GRANT UPDATE ON organization TO suyuan_app": "organization: suyuan_app may update",
        "GRANT DELETE ON item TO suyuan_app": "item: suyuan_app may delete",
        "ALTER TABLE item OWNER TO suyuan_app": "item: owned by suyuan_app",
        "GRANT pg_read_all_data TO suyuan_app": "suyuan_app: belongs to pg_read_all_data",
        "ALTER TABLE calibration_reference DROP CONSTRAINT ck_calibration_reference_one_reference":
            "calibration_reference: constraint ck_calibration_reference_one_reference",
    },
}  # fmt: skip


def test_the_guards_are_there_and_the_loss_of_each_is_noticed(owner):
    unnoticed = {}
    with owner.connect() as connection:
        assert missing_guards(connection) == []
        connection.rollback()
        for loss, guard in LOSSES[owner.dialect.name].items():
            for statement in loss.split("\n"):
                connection.execute(text(statement))
            if not any(guard in told for told in missing_guards(connection)):
                unnoticed[loss] = missing_guards(connection)
            connection.rollback()

    assert unnoticed == {}


# SQLite keeps NaN as NULL: where a number must be there, that is refused; where it may be
# unknown, the database cannot tell, and the actions must.
NUMBERS = {
    "sqlite": {"inf": "every", "-inf": "every", "nan": "required"},
    "postgresql": {"inf": "every", "-inf": "every", "nan": "every"},
}


def finite_columns(owner):
    """Return every column of floating point, by table, and whether it may be unknown."""
    database = inspect(owner)
    return {
        (table, column["name"]): column["nullable"]
        for table in TABLES
        for column in database.get_columns(table)
        if str(column["type"]).startswith(("FLOAT", "DOUBLE", "REAL"))
    }


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_the_database_itself_refuses_what_is_no_number(owner, names, story, number):
    """A true copy of a row, but for its key and one number."""
    may_be_unknown = finite_columns(owner)
    expected = {
        key for key, nullable in may_be_unknown.items()
        if NUMBERS[owner.dialect.name][number] == "every" or not nullable
    }  # fmt: skip
    rows = {c.__tablename__: row for c, row in rows_of_laboratory(owner, names).items()}

    stopped = set()
    for name, key in may_be_unknown:
        row = dict(rows[name]) | {key: literal(float(number), Float())}  # past our own type
        with owner.connect() as connection:
            try:
                connection.execute(insert(TABLES[name]).values(row))
            except IntegrityError as error:
                told = str(error.orig)
                if "CHECK" in told or "check constraint" in told or f"{name}.{key}" in told:
                    stopped.add((name, key))
            connection.rollback()

    assert expected <= stopped  # some that may be unknown are so only together with another
    assert len(may_be_unknown) > 30


def test_every_column_of_floating_point_has_its_check(owner):
    checked = {
        (table.name, column)
        for table in TABLES.values()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
        for column in table.columns.keys()  # noqa: SIM118  (a collection of columns, by name)
        if f"{column} BETWEEN" in str(check.sqltext)
    }

    assert finite_columns(owner).keys() <= checked


@pytest.mark.parametrize("number", ["NIM-2026-00001-A", "LABX-2026-00001-A", "2026-00001", "LAB"])
def test_a_certificate_number_begins_with_the_code_of_its_issuer(open_as, story, number):
    with open_as("LAB") as session:
        told = session.execute(select(CertificateEntry)).scalars().first().model_dump()
    with open_as("LAB") as session, pytest.raises(IntegrityError, match="number_in_own_name"):
        session.insert(CertificateEntry, [told | {"lookup_key": "x", "number": number}])


def test_nobody_issues_under_the_code_of_another(open_as, story):
    """The code in a directory entry is the issuer's own, by a foreign key to the organization."""
    with open_as("LAB") as session:
        told = session.execute(select(CertificateEntry)).scalars().first().model_dump()
    with open_as("OTH") as session, pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        session.insert(CertificateEntry, [told | {"lookup_key": "x"}])


def test_the_directory_names_no_customer(open_as, names, story):
    """Neither ENT's id nor its name stands in any entry that anyone may read."""
    with open_as("OTH") as session:
        told = session.execute(select(CertificateEntry, literal(1))).all()

        assert len(told) == 5  # by number, by serial number, and by each of three files
        for entry, _ in told:
            assert not {str(names.ENT), "ENT 机构", "Ent"} & {
                str(value) for value in entry.model_dump().values()
            }
