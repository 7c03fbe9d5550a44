"""LAB opens its book to the regulator REG; whatever REG reads is told in both books.

The stranger of `test_canary.py` becomes a regulator here: its person comes to every door with LAB's
ids, first without a grant, then with one of a single part, then after it was taken back or ran out.

Source: OWASP API Security Top 10 2023, API1, API3 and API5.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from service import audit
from service.store import audit as audit_store
from service.tables.calibrations import Calibration
from service.tables.items import Item
from service.tables.operations import AuditEntry
from service.tables.organizations import AccessGrant, AccessGrantEnding, Organization
from service.tables.people import Person
from service.tenancy import PARTS, CrossesTenants, GrantedSession, TenantSession
from tests.service import entering
from tests.service.books import ACTOR, NOW
from tests.service.test_canary import answers, cases, leaks_of, secrets, story

__all__ = ["secrets", "story"]  # fixtures: LAB's book is full, and this is what it alone may see

BOOKS = "/v1/regulated-books"
UNTIL = "2026-12-31T16:00:00Z"


@pytest.fixture
def regulator(owner, names):
    """OTH is the regulator; LAB's administrator and OTH's inspector come in."""
    with Session(owner) as session, session.begin():
        is_it = col(Organization.id) == names.OTH
        session.execute(update(Organization).where(is_it).values(kind="regulator"))


@pytest.fixture
def inside(database, tmp_path, clock, names, regulator):
    with entering.application(
        database.application, tmp_path, clock, requests_a_minute=10**6
    ) as app:
        yield (
            app,
            {
                "administrator": entering.entered(app, names.LAB, "administrator", "lab-admin"),
                "inspector": entering.entered(app, names.OTH, "inspector", "inspector"),
                "viewer": entering.entered(app, names.OTH, "viewer", "other-viewer"),
            },
        )


def given(client, names, *parts, **said):
    body = {"grantee_id": str(names.OTH), "parts": parts or sorted(PARTS), "expires_at": UNTIL,
            "reason": "supervision of 2026"}  # fmt: skip
    answer = client.post("/v1/grants", json=body | said)
    assert answer.status_code == 201, answer.text
    return answer.json()


def revoked(client, grant):
    said = {"reason": "the supervision is over"}
    answer = client.post(f"/v1/grants/{grant['id']}/revocation", json=said)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_regulator_reads_what_is_granted_and_nothing_else_of_the_book(inside, names, story):
    _, who = inside
    lab = f"{BOOKS}/{names.LAB}"
    assert who["inspector"].get(f"{lab}/items").status_code == 404

    given(who["administrator"], names, "items", "certificates")

    (book,) = who["inspector"].get(BOOKS).json()
    assert (book["code"], book["parts"]) == ("LAB", ["certificates", "items"])
    items = who["inspector"].get(f"{lab}/items").json()
    assert "SN meter" in {item["serial_number"] for item in items}
    certificates = who["inspector"].get(f"{lab}/certificates").json()
    assert [(row["number"], row["status"]) for row in certificates] == [(story.number, "issued")]
    page = who["inspector"].get(
        f"{lab}/certificates/{story.number}", headers={"accept": "text/html"}
    )
    assert page.text == f"<p>{story.number}</p>"
    for part in ("calibrations", "findings"):
        assert who["inspector"].get(f"{lab}/{part}").status_code == 404


def test_the_whole_book_is_read_in_all_its_parts(inside, names, story):
    _, who = inside
    given(who["administrator"], names)
    lab = f"{BOOKS}/{names.LAB}"

    calibrations = who["inspector"].get(f"{lab}/calibrations?limit=200").json()
    findings = who["inspector"].get(f"{lab}/findings").json()
    lines = who["inspector"].get(f"{lab}/items", headers={"accept": "application/x-ndjson"}).text

    assert str(story.meter) in {row["id"] for row in calibrations}
    assert {found["flaw"] for found in findings} <= {"overdue", "no_path_to_root", "undocumented"}
    assert lines.count("\n") == len(who["administrator"].get("/v1/items?limit=200").json())


def test_each_look_is_told_in_both_books_before_anything_is_read(inside, names, story, open_as):
    _, who = inside
    grant = given(who["administrator"], names, "certificates")

    missing = f"{BOOKS}/{names.LAB}/certificates/none?lang=en"
    assert who["inspector"].get(missing).status_code == 404
    with open_as("LAB") as session:
        (theirs,) = audit_store.newest(session, action="grant.used", limit=9)
        assert audit.first_broken(audit_store.chain(session)) is None
    with open_as("OTH") as session:
        (own,) = audit_store.newest(session, action="regulated_book.read", limit=9)
        reader = session.exec(select(Person).where(Person.role == "inspector")).one()

    what = "certificates/none?lang=en"
    assert own.said == {"grantor": "LAB", "what": what}
    assert theirs.said == {
        "grantee": "OTH", "reader_zh": "王芳", "reader_en": "Fang Wang", "what": what,
    }  # fmt: skip
    assert str(theirs.subject_id) == grant["id"]
    assert own.subject_id == names.LAB
    assert own.actor_id == theirs.actor_id == reader.id


def test_only_inspectors_and_supervisors_look_into_the_books_of_others(inside, names):
    app, who = inside
    given(who["administrator"], names)
    supervisor = entering.entered(app, names.OTH, "supervisor", "supervisor")

    assert supervisor.get(f"{BOOKS}/{names.LAB}/items").status_code == 200
    for path in (BOOKS, f"{BOOKS}/{names.LAB}/items", "/regulated-books"):
        assert who["viewer"].get(path).status_code == 403


def test_a_key_reads_granted_books_only_with_the_scope_for_it(inside, names, clock):
    app, who = inside
    given(who["administrator"], names)
    statuses = {}
    for scope in ("regulated-books:read", "book:read"):
        key = entering.key_of(who["inspector"], scope)
        machine = entering.browser(app)
        machine.headers["authorization"] = f"Bearer {key}"
        statuses[scope] = machine.get(f"{BOOKS}/{names.LAB}/items").status_code

    assert statuses == {"regulated-books:read": 200, "book:read": 403}


def test_a_grant_holds_from_its_beginning_up_to_its_end(inside, names, clock):
    _, who = inside
    begins, ends = clock.now + timedelta(minutes=10), clock.now + timedelta(minutes=25)
    given(who["administrator"], names, starts_at=begins.isoformat(), expires_at=ends.isoformat())

    def at(moment: datetime) -> tuple[int, str]:
        clock.now = moment
        read = who["inspector"].get(f"{BOOKS}/{names.LAB}/items").status_code
        return read, who["administrator"].get("/v1/grants").json()[0]["state"]

    told = [at(moment) for moment in (clock.now, begins, ends - timedelta(seconds=1), ends)]

    assert told == [(404, "waiting"), (200, "in force"), (200, "in force"), (404, "expired")]


def test_a_grant_is_taken_back_once_and_the_fact_stays(inside, names):
    _, who = inside
    grant = given(who["administrator"], names)
    assert who["inspector"].get(BOOKS).json() != []

    ended = revoked(who["administrator"], grant)

    assert (ended["state"], ended["ending_reason"]) == ("revoked", "the supervision is over")
    assert who["inspector"].get(BOOKS).json() == []
    assert who["inspector"].get(f"{BOOKS}/{names.LAB}/items").status_code == 404
    again = who["administrator"].post(f"/v1/grants/{grant['id']}/revocation", json={"reason": "x"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-there")
    elsewhere = who["viewer"].post(f"/v1/grants/{grant['id']}/revocation", json={"reason": "x"})
    assert elsewhere.status_code == 403


def test_a_book_is_opened_and_closed_on_the_page(inside, names):
    """To the end of the last day, in Chinese time."""
    _, who = inside
    form = {"grantee_id": str(names.OTH), "until": "2026-12-31", "reason": "the law",
            "parts": ["items", "findings"]}  # fmt: skip

    page = who["administrator"].post("/grants", data=form, headers={"accept": "text/html"})
    (grant,) = who["administrator"].get("/v1/grants").json()
    (book,) = who["inspector"].get(BOOKS).json()
    closed = who["administrator"].post(f"/grants/{grant['id']}/revocation", data={"reason": "over"})

    assert page.status_code == 200
    assert f"/grants/{grant['id']}/revocation" in page.text
    assert (book["parts"], grant["expires_at"]) == (["findings", "items"], "2026-12-31T16:00:00Z")
    assert closed.status_code == 303
    assert who["inspector"].get(BOOKS).json() == []


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"grantee_id": "NIM"}, "/grantee_id"),
        ({"grantee_id": str(ACTOR)}, "/grantee_id"),
        ({"expires_at": "2026-01-01T00:00:00Z"}, "/expires_at"),
        ({"starts_at": "2027-06-01T00:00:00Z"}, "/expires_at"),
        ({"reason": "  "}, "/reason"),
        ({"parts": []}, "/parts"),
        ({"parts": ["people"]}, "/parts/0"),
    ],
)
def test_a_grant_that_cannot_be_is_refused_at_its_field(inside, names, said, pointer):
    _, who = inside
    body = {"grantee_id": str(names.OTH), "parts": ["items"], "expires_at": UNTIL, "reason": "x"}
    said = {key: str(names.NIM) if value == "NIM" else value for key, value in said.items()}

    answer = who["administrator"].post("/v1/grants", json=body | said)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert who["administrator"].get("/v1/grants").json() == []


def test_only_administrator_and_supervisor_open_the_book(inside, names):
    app, _ = inside
    body = {"grantee_id": str(names.OTH), "parts": ["items"], "expires_at": UNTIL, "reason": "x"}
    statuses = {}
    for role in ("metrologist", "viewer", "supervisor"):
        client = entering.entered(app, names.LAB, role, f"lab-{role}")
        statuses[role] = client.post("/v1/grants", json=body).status_code

    assert statuses == {"metrologist": 403, "viewer": 403, "supervisor": 201}


# --- The wall ------------------------------------------------------------------------------------


def test_a_granted_session_reads_its_part_and_refuses_the_rest(engine, names, story):
    everything: set[Any] = {c for classes in PARTS.values() for c in classes}
    for part, classes in PARTS.items():
        with GrantedSession(engine, names.LAB, part) as session:
            for table_class in classes:
                session.exec(select(table_class)).all()
            for table_class in {*everything, Person, AuditEntry, AccessGrant} - classes:
                with pytest.raises(CrossesTenants):
                    session.exec(select(table_class)).all()
                with pytest.raises(CrossesTenants):
                    session.columns(table_class, ["organization_id"])
            with pytest.raises(CrossesTenants):
                session.logging_in()


def test_a_granted_session_writes_nothing(engine, names, story):
    def changed(session):
        session.exec(select(Item).limit(1)).one().use = "x"
        session.flush()

    for write in (changed, lambda session: session.insert(Calibration, [{}])):
        with GrantedSession(engine, names.LAB, "items") as session, pytest.raises(CrossesTenants):
            write(session)


def test_nobody_ends_or_gives_a_grant_in_anothers_name(engine, owner, names, story):
    """Nor does an ending name another grantee than its grant does."""
    with TenantSession(engine, names.LAB) as session:
        grant = session.exec(select(AccessGrant)).one().model_dump()
    end: dict[str, Any] = {"ended_at": NOW, "ended_by": ACTOR, "reason": "x"}
    forged = [
        (names.NIM, AccessGrantEnding(organization_id=names.LAB, grant_id=grant["id"],
                                      grantee_id=names.NIM, **end), CrossesTenants),
        (names.OTH, AccessGrant(**grant | {"grantee_id": names.OTH}), CrossesTenants),
        (names.OTH, AccessGrantEnding(organization_id=names.OTH, grant_id=grant["id"],
                                      grantee_id=names.OTH, **end), IntegrityError),
    ]  # fmt: skip

    for who, row, refusal in forged:
        with TenantSession(engine, who) as session, pytest.raises(refusal), session.begin():
            session.add(row)


def leaks(client, app, secrets, *, of=""):
    """Return the doors at which a person reads something of LAB's alone, with what it was."""
    return {
        (case.template, text)
        for case in cases(app, secrets)
        if case.method == "GET" and of in case.template
        for answer in answers(client, "viewer", case, secrets)
        for text in leaks_of(answer, case, secrets)
    }


def test_no_door_tells_a_regulator_a_byte_beyond_its_grants(inside, names, secrets, owner):
    """Nothing before, nothing of another table, nothing at another door, and nothing afterwards."""
    app, who = inside
    regulator = who["inspector"]
    assert leaks(regulator, app, secrets) == set()

    for part in PARTS:
        grant = given(who["administrator"], names, part)
        seen = leaks(regulator, app, secrets, of="regulated-books")
        assert {door for door, _ in seen} <= doors_of(part)
        assert seen != set() or part == "findings"
        told = text_of(owner, names.LAB, PARTS[part])
        assert {text for _, text in seen if text != "a file" and text not in told} == set()
        revoked(who["administrator"], grant)

    given(who["administrator"], names)
    everything = {door for door, _ in leaks(regulator, app, secrets)}
    assert everything <= {door for part in PARTS for door in doors_of(part)}
    assert {
        f"{BOOKS}/{{organization_id}}/{part}" for part in ("items", "calibrations")
    } <= everything

    revoked(who["administrator"], who["administrator"].get("/v1/grants").json()[0])
    assert leaks(regulator, app, secrets) == set()


def doors_of(part):
    return {
        f"{BOOKS}/{{organization_id}}/{part}",
        "/regulated-books/{organization_id}/{part}",
        *([f"{BOOKS}/{{organization_id}}/certificates/{{number}}"] * (part == "certificates")),
    }


def text_of(owner, organization_id, classes):
    """Return what the rows of a book in some tables say, but for the bytes of files."""
    with Session(owner) as session:
        return " ".join(
            str(row.model_dump(exclude={"content"}))
            for table_class in classes
            for row in session.exec(
                select(table_class).where(table_class.organization_id == organization_id)
            )
        )
