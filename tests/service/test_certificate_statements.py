"""What a certificate states besides its results comes from the record that three persons signed.

The gauge of a customer's on the bench of LAB; the technician writes deviations, results of another
laboratory and an opinion on its worksheet.
"""

import json
from contextlib import contextmanager

import pytest
from sqlmodel import Session

from certificates.content import CertificateContent
from procedures.worksheet import Course
from service.actions import organizations, signing_off
from service.errors import NotAuthorised, WorksheetIncomplete
from service.store import certificates as certificate_store
from service.work_order_states import State
from tests.seals import SEALS
from tests.service import workshop
from tests.service.books import ACTOR, KEYS, NOW
from tests.service.workshop import sheet

REMARKS = {
    "deviations_zh": "未在 0.4 MPa 处轻敲\r\n",
    "deviations_en": "not tapped at 0.4 MPa",
    "external_results_zh": "温度系数",
    "external_results_en": "the temperature coefficient",
    "external_provider_zh": "乙实验室",
    "external_provider_en": "Laboratory B",
    "opinion_zh": "漂移正常",
    "opinion_en": "the drift is usual",
    "opinion_basis_zh": "历年结果",
    "opinion_basis_en": "the results of earlier years",
}


@pytest.fixture
def bench(open_as, owner, names, story):
    workshop.authorise(owner, names.LAB)
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


def issued(session, bench, filled_in) -> CertificateContent:
    """Let the sheet be submitted, signed and certified; return what the certificate says."""
    workshop.save(session, bench.people, bench.line_id, filled_in)
    workshop.submit(session, bench.people, bench.line_id)
    workshop.sign_off(session, bench.people, bench.line_id, State.CHECKED, State.APPROVED)
    certificate = signing_off.issue(
        session, bench.line_id, render=lambda *_: {"html": b"<p>page</p>"}, url=None,
        person=bench.people["approved"], keys=KEYS, seals=SEALS, now=NOW,
    )  # fmt: skip
    file = certificate_store.file(session, certificate.id, "json")
    assert file is not None
    return CertificateContent.from_mapping(json.loads(file.content))


def test_what_is_written_on_the_worksheet_stands_on_the_certificate(lab, bench):
    with lab() as session:
        content = issued(session, bench, sheet(bench.standard.id, remarks=REMARKS))

    assert content.deviations is not None
    assert content.deviations.zh == "未在 0.4 MPa 处轻敲"
    assert [work.provider_en for work in content.external_work] == ["Laboratory B"]
    assert content.opinion is not None
    assert content.opinion.basis_en == "the results of earlier years"
    assert content.sampling is None


def test_when_and_how_the_item_came_in_stands_on_the_certificate(lab, bench):
    with lab() as session:
        content = issued(session, bench, sheet(bench.standard.id))

    assert content.received_on == NOW.date()
    assert content.item.condition_zh


def test_an_adjusted_item_is_told_as_found_and_as_left(lab, bench):
    found = workshop.ROWS
    with lab() as session:
        content = issued(
            session, bench,
            sheet(bench.standard.id, course=Course.ADJUSTED, as_found=found, adjustment="zero"),
        )  # fmt: skip

    assert [row.stage for row in content.results] == ["as_found"] * 10 + ["as_left"] * 10


@pytest.mark.parametrize(
    ("written", "missing"),
    [
        ({"deviations_zh": "未测零点"}, ["/remarks/deviations_en"]),
        (
            {"opinion_zh": "稳定", "opinion_en": "stable"},
            ["/remarks/opinion_basis_zh", "/remarks/opinion_basis_en"],
        ),
        ({"remark_zh": "x"}, ["/remarks/remark_zh"]),
        ({"sampling_zh": "a\u202eb", "sampling_en": "x"}, ["/remarks/sampling_zh"]),
    ],
)
def test_half_a_remark_is_kept_but_not_submitted(lab, bench, written, missing):
    with lab() as session:
        workshop.save(
            session, bench.people, bench.line_id, sheet(bench.standard.id, remarks=written)
        )

        with pytest.raises(WorksheetIncomplete) as refusal:
            workshop.submit(session, bench.people, bench.line_id)

    assert [pointer for pointer, _ in refusal.value.problems] == missing


def test_only_who_is_authorised_for_the_procedure_releases_an_opinion(lab, bench, owner):
    with Session(owner) as session, session.begin():
        human = organizations.create_identity(session, now=NOW)
    with lab() as session:
        director = organizations.add_person(
            session, human, name_zh="主任", name_en="director", role="approver", authorised={},
            actor_id=ACTOR, now=NOW,
        )  # fmt: skip
        filled_in = sheet(bench.standard.id, remarks=REMARKS)
        workshop.save(session, bench.people, bench.line_id, filled_in)
        workshop.submit(session, bench.people, bench.line_id)
        workshop.sign_off(session, bench.people, bench.line_id, State.CHECKED)

        with pytest.raises(NotAuthorised, match="director is not authorised for JJG 52"):
            signing_off.sign_off(
                session, bench.line_id, State.APPROVED, person=director, authenticated_at=NOW,
                now=NOW,
            )  # fmt: skip
