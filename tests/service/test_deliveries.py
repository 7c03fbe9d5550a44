"""The laboratory's calibration travels to its customer as a document, and its chain stays whole."""

import json
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlmodel import select
from uuid_utils.compat import uuid7

from service.actions import calibrations, deliveries
from service.answers import chain
from service.errors import NotFound, NotTheSenders
from service.store import calibrations as store
from service.store import certificates as certificate_store
from service.tables.calibrations import Influence, OriginalRecord, UncertaintyBudgetRecord
from service.tables.certificates import Signature
from service.tables.exchange import Delivery
from tests.service import books
from tests.service.books import ACTOR, NOW, calibrate, use
from traceability.influences import InfluencedResult, covariance_matrix

LATER = NOW + timedelta(days=30)


def test_a_customers_chain_ends_in_the_published_layer(open_as, story):
    """Received, cited, published by the laboratory, published by the institute."""
    with open_as("ENT") as session:
        found = {link.calibration_id: link
                 for link in store.ancestry(session, story.meter, known_at=NOW)}  # fmt: skip

    references = {id_: [edge.reference_id for edge in link.references]
                  for id_, link in found.items()}  # fmt: skip
    assert references == {
        story.meter: [story.working],
        story.working: [story.published_reference],
        story.published_reference: [story.published],
        story.published: [],
    }
    assert found[story.published].terminal_reason == "national standard"


def test_the_chain_is_unbroken_on_both_sides_of_the_wall(open_as, story):
    for code in ("LAB", "ENT"):
        with open_as(code) as session:
            assert chain(session, story.meter, on=None, known_at=NOW).unbroken, code


def test_the_customer_sees_the_same_uncertainties_at_each_step(open_as, story):
    told = {}
    for code in ("LAB", "ENT"):
        with open_as(code) as session:
            steps = chain(session, story.meter, on=None, known_at=NOW).walk()
            told[code] = [(step.standard_uncertainty, step.contributed_standard_uncertainty)
                          for step in steps][:2]  # fmt: skip

    assert told["LAB"] == told["ENT"]
    assert None not in told["ENT"][0][:1]


def test_a_chain_is_cited_two_levels_deep(open_as, names, story):
    """Neither of two working standards is published; both stand, frozen, in the customer's book."""
    with open_as("LAB") as session, session.begin():
        second = calibrate(session, "second", date(2025, 9, 1), use(reference_id=story.working)).id
        meter = calibrate(session, "other meter", date(2026, 2, 1), use(reference_id=second)).id
        sent = deliveries.deliver(session, meter, names.OTH, actor_id=ACTOR, now=NOW).id
    with open_as("OTH") as session, session.begin():
        item = books.register(session, "other meter").id
        deliveries.take_in(session, sent, item, actor_id=ACTOR, now=NOW)

        sources = {id_: store.get(session, id_).source for id_ in (meter, second, story.working)}
        found = chain(session, meter, on=None, known_at=NOW)

    assert sources == {meter: "received", second: "cited", story.working: "cited"}
    assert found.unbroken
    assert [step.calibration_id for step in found.walk()] == [
        meter, second, story.working, story.published_reference, story.published,
    ]  # fmt: skip


def test_two_deliveries_may_cite_the_same_standard(open_as, names, story):
    with open_as("LAB") as session, session.begin():
        other = calibrate(session, "other", date(2026, 2, 1), use(reference_id=story.working)).id
        sent = deliveries.deliver(session, other, names.ENT, actor_id=ACTOR, now=NOW).id
    with open_as("ENT") as session, session.begin():
        deliveries.take_in(
            session, sent, books.register(session, "other").id, actor_id=ACTOR, now=NOW
        )

        assert chain(session, other, on=None, known_at=NOW).unbroken


def test_what_is_published_after_delivery_stays_cited_and_the_chain_whole(open_as, story):
    with open_as("LAB") as session, session.begin():
        calibrations.publish(session, story.working, actor_id=ACTOR, now=LATER)

    with open_as("ENT") as session:
        assert store.get(session, story.working).source == "cited"
        assert chain(session, story.meter, on=None, known_at=LATER).unbroken


def test_digits_verdict_and_place_arrive_as_they_were_told(open_as, names):
    verdict = calibrations.Statement(
        decision_rule="simple_acceptance", basis="JJG 52", verdict="pass",
        checks=({"name_zh": "示值误差", "name_en": "error", "value": "0.010"},),
    )  # fmt: skip
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "m", date(2026, 2, 1), statement=verdict, place="site").id
        sent = deliveries.deliver(session, id_, names.ENT, actor_id=ACTOR, now=NOW).id
    with open_as("ENT") as session, session.begin():
        deliveries.take_in(session, sent, books.register(session, "m").id, actor_id=ACTOR, now=NOW)

        (result,) = store.results(session, id_)
        (statement,) = store.conformity_statements(session, id_)
        assert (str(result.nominal), str(result.estimate)) == ("1.00", "0.010")
        assert (statement.verdict, statement.checks) == ("pass", [dict(verdict.checks[0])])
        assert store.get(session, id_).place == "site"


def components(session, calibration_id: UUID) -> list[InfluencedResult]:
    ids = [row.id for row in store.results(session, calibration_id)]
    return [
        InfluencedResult(
            result_id=id_,
            components={
                row.influence_id: row.component for row in store.influences(session, [id_])
            },
        )
        for id_ in ids
    ]


def test_influences_survive_delivery_so_the_covariance_is_equal(open_as, story):
    """The same ids and components in both books, for both results of the meter."""
    found = {}
    for code in ("LAB", "ENT"):
        with open_as(code) as session:
            found[code] = components(session, story.meter)

    assert found["ENT"] == found["LAB"]
    assert len(found["ENT"]) == 2
    assert (covariance_matrix(found["ENT"]) == covariance_matrix(found["LAB"])).all()
    assert covariance_matrix(found["ENT"])[0, 1] > 0


def test_two_customers_meters_are_correlated_by_the_laboratorys_unseen_standard(
    open_as, names, story
):
    with open_as("LAB") as session, session.begin():
        other = calibrate(session, "other", date(2026, 2, 1), use(reference_id=story.working)).id
        sent = deliveries.deliver(session, other, names.OTH, actor_id=ACTOR, now=NOW).id
    with open_as("OTH") as session, session.begin():
        item = books.register(session, "other").id
        deliveries.take_in(session, sent, item, actor_id=ACTOR, now=NOW)
        (theirs,) = components(session, other)
    with open_as("ENT") as session:
        ours = components(session, story.meter)[0]

    assert covariance_matrix([ours, theirs])[0, 1] == pytest.approx(0.004**2)


def test_labels_budgets_readings_and_names_of_people_stay_at_home(open_as, story):
    with open_as("ENT") as session:
        for table_class in (Influence, UncertaintyBudgetRecord, OriginalRecord, Signature):
            assert session.exec(select(table_class)).all() == []
        told = session.get_one(Delivery, (session.organization_id, story.delivery)).content

    assert "CANARY-W" in json.dumps(told)  # what the certificate names is told …
    for secret in ("person", "自身分量", "readings", '"1.01"'):  # … and these are not
        assert secret not in json.dumps(told | {"certificate": None}, ensure_ascii=False)


def test_the_certificate_arrives_byte_for_byte(open_as, names, story):
    files = {}
    for code in ("LAB", "ENT"):
        with open_as(code) as session:
            certificate = certificate_store.by_number(session, story.number)
            assert certificate.issuer_id == names.LAB
            assert certificate_store.status(session, certificate.id).status == "issued"
            files[code] = {
                file.form: (file.sha256, file.content)
                for file in certificate_store.files(session, certificate.id)
            }

    assert files["ENT"] == files["LAB"]
    assert files["ENT"].keys() == {"json", "html"}


def test_the_customer_publishes_what_it_received_and_others_rest_on_it(open_as, story):
    """LAB did so with the reference standard that NIM calibrated for it."""
    with open_as("OTH") as session, session.begin():
        mine = calibrate(
            session, "x", date(2026, 2, 1), use(published_id=story.published_reference)
        ).id

        assert chain(session, mine, on=None, known_at=NOW).unbroken


# --- Refused


def test_a_sender_cannot_speak_of_a_calibration_it_did_not_tell(open_as, owner, names, story):
    with open_as("OTH") as session, session.begin():
        forged = calibrate(session, "forged", date(2026, 1, 1), id=story.meter)
        sent = deliveries.deliver(session, forged.id, names.ENT, actor_id=ACTOR, now=NOW).id

    def take_in():
        with open_as("ENT") as session, session.begin():
            deliveries.take_in(session, sent, story.item, actor_id=ACTOR, now=LATER)

    books.refusing(owner, take_in, NotTheSenders)


def test_a_sender_cannot_replace_what_another_cited(open_as, owner, names, story):
    """OTH cites LAB's working standard by its true id, with facts of its own."""
    with open_as("OTH") as session, session.begin():
        forged = calibrate(session, "forged", date(2025, 1, 1), id=story.working)
        mine = calibrate(session, "mine", date(2026, 1, 1), use(reference_id=forged.id))
        sent = deliveries.deliver(session, mine.id, names.ENT, actor_id=ACTOR, now=NOW).id

    def take_in():
        with open_as("ENT") as session, session.begin():
            item = books.register(session, "mine").id
            deliveries.take_in(session, sent, item, actor_id=ACTOR, now=LATER)

    books.refusing(owner, take_in, NotTheSenders)
    with open_as("ENT") as session:
        assert store.get(session, story.working).item_name_en == "CANARY-W"


def test_a_calibration_is_taken_in_once(open_as, owner, story):
    def again():
        with open_as("ENT") as session, session.begin():
            deliveries.take_in(session, story.delivery, story.item, actor_id=ACTOR, now=LATER)

    books.refusing(owner, again, NotTheSenders)


def test_only_a_calibration_in_the_own_inbox_is_taken_in(open_as, owner, names, story):
    with open_as("OTH") as session, session.begin():
        order = Delivery(
            organization_id=names.ENT, sender_id=names.OTH, kind="order", version=1, content={},
            sent_at=NOW,
        )  # fmt: skip
        session.add(order)
        session.flush()
        order_id = order.id
    for code, sent in (("ENT", uuid7()), ("OTH", story.delivery), ("ENT", order_id)):

        def take_in(code=code, sent=sent):
            with open_as(code) as session, session.begin():
                deliveries.take_in(session, sent, story.item, actor_id=ACTOR, now=LATER)

        books.refusing(owner, take_in, NotFound)


def test_an_unknown_calibration_is_not_sent(open_as, owner, names, story):
    def deliver():
        with open_as("LAB") as session, session.begin():
            deliveries.deliver(session, story.national, names.ENT, actor_id=ACTOR, now=NOW)

    books.refusing(owner, deliver, NotFound)
