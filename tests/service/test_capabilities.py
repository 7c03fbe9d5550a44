"""The register of accredited capabilities: entered, corrected, ended, and kept by every U.

LAB measures a customer's gauge with U = 0.0069 MPa; its accreditation says what it may claim.
"""

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlmodel import Session

from certificates.content import CertificateContent, CertificateKind
from certificates.errors import BelowCapability
from service.actions import capabilities, signing_off
from service.actions.capabilities import Scope
from service.actions.composition import Composition
from service.errors import AlreadyThere, InvalidField, NotFound
from service.store import calibrations as calibration_store
from service.store import capabilities as store
from service.store import certificates as certificate_store
from service.tables.organizations import Authorisation
from service.work_order_states import State
from tests.seals import SEALS
from tests.service import books, workshop
from tests.service.books import ACTOR, KEYS, NOW
from tests.service.workshop import TODAY, sheet

CNAS = "示例CNAS L0000"
PRESSURE = Scope(
    quantity="pressure", lower=0.0, upper=2.5, unit="MPa", expression="0.0040",
    accreditation=CNAS, valid_from=date(2026, 1, 1),
)  # fmt: skip


@pytest.fixture
def bench(open_as, owner, names, story):
    workshop.authorise(owner, names.LAB)
    with Session(owner) as session, session.begin():
        session.add(
            Authorisation(
                holder_id=names.LAB,
                number=CNAS,
                kind_zh="CNAS 实验室认可(示例)",
                scope=[books.PROCEDURE],
                valid_from=date(2024, 1, 1),
                valid_until=date(2028, 12, 31),
            )
        )
    return workshop.bench(open_as, names, story)


@pytest.fixture
def lab(open_as):
    """Work in LAB's book, in one transaction."""

    @contextmanager
    def open_():
        with open_as("LAB") as session, session.begin():
            session.expire_on_commit = False
            yield session

    return open_


def add(session, scope=PRESSURE, **changes):
    return capabilities.add(session, replace(scope, **changes), actor_id=ACTOR, now=NOW)


def certified(session, bench) -> CertificateContent:
    """Let the gauge be measured, signed and certified; return what the certificate says."""
    workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))
    workshop.submit(session, bench.people, bench.line_id)
    workshop.sign_off(session, bench.people, bench.line_id, State.CHECKED, State.APPROVED)
    certificate = signing_off.issue(
        session, bench.line_id, render=lambda *_: {"html": b"<p>page</p>"}, url=None,
        person=bench.people["approved"], keys=KEYS, seals=SEALS, now=NOW,
    )  # fmt: skip
    file = certificate_store.file(session, certificate.id, "json")
    assert file is not None
    return CertificateContent.from_mapping(json.loads(file.content))


# --- The register ---------------------------------------------------------------------------------


def test_a_line_is_ended_by_another_and_nothing_is_overwritten(lab, bench):
    with lab() as session:
        line = add(session)
        ended = capabilities.end(
            session, line.id, last_on=TODAY, reason="reduced", actor_id=ACTOR, now=NOW
        )
        held = {
            day: store.in_force(session, quantity="pressure", procedure_code=None, on=day)
            for day in (TODAY, TODAY + timedelta(days=1))
        }

        assert [row.id for row in held[TODAY]] == [ended.id]
        assert held[TODAY + timedelta(days=1)] == []
        assert store.get(session, line.id).valid_until is None
        with pytest.raises(AlreadyThere), session.begin_nested():
            capabilities.end(
                session, line.id, last_on=TODAY, reason="again", actor_id=ACTOR, now=NOW
            )


def test_a_corrected_line_never_held(lab, bench):
    with lab() as session:
        line = add(session)
        corrected = capabilities.add(
            session, replace(PRESSURE, expression="0.0050"), supersedes_id=line.id,
            actor_id=ACTOR, now=NOW,
        )  # fmt: skip

        assert [row.id for row in store.in_register(session)] == [corrected.id]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"quantity": " "}, "/quantity"),
        ({"accreditation": ""}, "/accreditation"),
        ({"expression": "value +"}, "/expression"),
        ({"unit": "bottle"}, "/unit"),
        ({"upper": -1.0}, "/upper"),
        ({"valid_until": date(2025, 1, 1)}, "/valid_until"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_a_pointer(lab, bench, changes, pointer):
    with lab() as session:
        with pytest.raises(InvalidField) as refusal:
            add(session, **changes)
        assert store.in_register(session) == []

    assert refusal.value.pointer == pointer


def test_another_organizations_line_is_not_there(open_as, lab, bench):
    with lab() as session:
        line = add(session)
    with open_as("OTH") as session, session.begin(), pytest.raises(NotFound):
        capabilities.end(session, line.id, last_on=TODAY, reason="x", actor_id=ACTOR, now=NOW)


# --- What it does to U ----------------------------------------------------------------------------


def test_a_u_above_the_capability_stands_and_the_accreditation_is_told(lab, bench):
    with lab() as session:
        add(session)
        content = certified(session, bench)

    assert {row.expanded_uncertainty for row in content.results} == {"0.0069"}
    assert {row.capability for row in content.results} == {"0.004"}
    assert {row.evaluated_uncertainty for row in content.results} == {None}
    assert content.accreditations == (CNAS,)
    assert CNAS not in content.laboratory.authorisations


def test_a_smaller_u_is_raised_to_the_capability_and_the_certificate_says_so(lab, bench):
    with lab() as session:
        add(session, expression="0.0081")
        content = certified(session, bench)
        results = calibration_store.results(
            session, calibration_store.of_item(session, bench.item.id)[0].id
        )

    assert {row.expanded_uncertainty for row in content.results} == {"0.0081"}
    assert {str(row.expanded_uncertainty) for row in results} == {"0.0081"}
    assert {row.evaluated_uncertainty for row in content.results} == {"0.0069"}


def test_the_worst_capability_of_the_points_is_kept_by_their_one_u(lab, bench):
    with lab() as session:
        add(session, expression="0.006 + 0.002*value")
        content = certified(session, bench)

    assert {row.expanded_uncertainty for row in content.results} == {"0.0092"}
    assert {row.nominal: row.capability for row in content.results}["1.6"] == "0.0092"
    assert {row.nominal: row.capability for row in content.results}["0.0"] == "0.006"


def test_what_is_outside_the_range_is_told_on_the_sheet_and_on_the_certificate(lab, bench):
    with lab() as session:
        add(session, upper=1.0)
        content = certified(session, bench)

    outside = {row.nominal for row in content.results if row.capability is None}
    assert outside == {"1.2", "1.6"}
    assert content.accreditations == (CNAS,)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": "mass"},
        {"procedure_code": "JJG 875"},
        {"lower": 3.0, "upper": 6.0},
        {"valid_from": date(2026, 6, 1)},
        {"accreditation": "CNAS L9999"},
    ],
)
def test_no_accreditation_is_claimed_that_does_not_cover_the_work(lab, bench, changes):
    """Neither of another quantity, procedure, range or time, nor one that nobody has seen."""
    with lab() as session:
        add(session, **{"upper": 2.5, **changes})
        content = certified(session, bench)

    assert content.accreditations == ()


def test_without_a_register_nothing_is_claimed(lab, bench):
    with lab() as session:
        content = certified(session, bench)

    assert content.accreditations == ()
    assert {row.capability for row in content.results} == {None}
    assert content.laboratory.authorisations == ("(LAB) 1",)


def test_a_u_that_was_recorded_below_the_capability_is_not_certified(lab, bench, story):
    """What came in otherwise than by a worksheet is refused, not changed."""
    with lab() as session:
        add(session, expression="0.03")
        row = books.calibrate(
            session, "counter", TODAY, books.use(reference_id=story.reference),
            readings={"points": {}, "environment": {"temperature": "20.1", "humidity": "50"}},
        )  # fmt: skip
        books.sign_three_times(session, row.id, story.people)
        compose = signing_off.composition_of(
            session, row, url=None, now=NOW, kind=CertificateKind.CALIBRATION_CERTIFICATE
        )
        assert isinstance(compose, Composition)

        with pytest.raises(BelowCapability, match=r"0\.020 is below the capability 0\.03"):
            compose("LAB-2026-00001-X")
