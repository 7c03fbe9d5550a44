"""An event is kept with the fact that it tells of, or not at all."""

import pytest
from sqlmodel import select

from service.outbox import announce
from service.tables.operations import Outbox
from tests.service.books import NOW


def announced(session):
    return [(row.event, row.content, row.due_at) for row in session.exec(select(Outbox))]


def test_an_event_commits_with_its_fact(open_as):
    with open_as("LAB") as session, session.begin():
        announce(session, "certificate.issued", {"certificate_id": "1"}, now=NOW)

    with open_as("LAB", read_only=True) as session:
        assert announced(session) == [("certificate.issued", {"certificate_id": "1"}, NOW)]


def test_an_event_whose_fact_fails_is_never_told(open_as):
    def fail_after_announcing():
        with open_as("LAB") as session, session.begin():
            announce(session, "certificate.issued", {}, now=NOW)
            raise LookupError("the certificate has no results")

    with pytest.raises(LookupError):
        fail_after_announcing()

    with open_as("LAB", read_only=True) as session:
        assert announced(session) == []


def test_no_other_organization_reads_it(open_as):
    with open_as("LAB") as session, session.begin():
        announce(session, "recall.opened", {}, now=NOW)

    with open_as("ENT", read_only=True) as session:
        assert announced(session) == []


@pytest.mark.parametrize("name", ["issued", "Certificate.issued", "a.b.c", "a.", "a.b\n"])
def test_an_event_is_named_for_a_fact(open_as, name):
    with (
        open_as("LAB") as session,
        session.begin(),
        pytest.raises(ValueError, match=r"thing\.happened"),
    ):
        announce(session, name, {}, now=NOW)
