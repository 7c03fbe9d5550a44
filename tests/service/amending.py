"""LAB amends the certificate of ENT's meter: a text beside the record, or the record itself."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from certificates.content import CertificateContent
from service.actions import revisions
from tests.seals import SEALS
from tests.service import books
from tests.service.books import ACTOR, KEYS, NOW

LATER = NOW + timedelta(days=30)
REASONS = {"reason_zh": "出厂编号抄录错误", "reason_en": "serial number misread"}
WRONG = {"item.serial_number": "SN motor"}


def propose(open_as, story, *, corrections=WRONG, code="LAB", **said: Any) -> UUID:
    """Propose to put the serial number right."""
    with open_as(code) as session, session.begin():
        proposal: UUID = revisions.propose(
            session, story.certificate, corrections=corrections,
            person=story.people["calibrated"], now=LATER, **REASONS | said,
        ).id  # fmt: skip
        return proposal


def sign(open_as, story, proposal: UUID, *meanings: str, **said: Any) -> None:
    """Sign a proposal, as all three or as some."""
    with open_as("LAB") as session, session.begin():
        for meaning in meanings or ("calibrated", "checked", "approved"):
            known = {"person": story.people[meaning], "authenticated_at": LATER, "now": LATER}
            revisions.sign_amendment(session, proposal, meaning=meaning, **known | said)


def amend(open_as, story, proposal: UUID) -> str:
    """Issue what was proposed and signed; return its number."""
    with open_as("LAB") as session, session.begin():
        number: str = revisions.amend(
            session, proposal, url="https://example.org/c/{number}", render=rendered,
            actor_id=ACTOR, keys=KEYS, seals=SEALS, now=LATER,
        ).number  # fmt: skip
        return number


def rendered(content: CertificateContent, _signer: Any, _now: Any) -> dict[str, bytes]:
    """Return a page of one line."""
    return {"html": f"<p>{content.number}</p>".encode()}


def successor(open_as, story, **said: Any) -> UUID:
    """Record the work anew, signed by three."""
    with open_as("LAB") as session, session.begin():
        known = {"item_id": story.lab_item, "results": (books.result(estimate=1),)}
        row = books.calibrate(
            session, "", date(2026, 2, 2), books.use(reference_id=story.working), **known | said
        )
        books.sign_three_times(session, row.id, story.people)
        return row.id


def amend_by(open_as, story, successor_id: UUID) -> str:
    """Issue the certificate of the new record in the old one's place; return its number."""

    def compose(number: str) -> CertificateContent:
        content = books.content_of(number, story.people)
        row = replace(content.results[0], estimate="0.012")
        return replace(content, results=(row,), performed_on=date(2026, 2, 2))

    with open_as("LAB") as session, session.begin():
        number: str = revisions.amend_by_successor(
            session, story.certificate, successor_id, compose=compose, url=None, render=rendered,
            actor_id=ACTOR, keys=KEYS, seals=SEALS, now=LATER, **REASONS,
        ).number  # fmt: skip
        return number


def amend_text(open_as, story, **said: Any) -> str:
    """Correct a text of the certificate, signed by three; return the new certificate's number."""
    proposal = propose(open_as, story, **said)
    sign(open_as, story, proposal)
    return amend(open_as, story, proposal)
