"""The laboratory's calibration travels to its customer as a document, and its chain stays whole."""

import json
from copy import deepcopy
from datetime import date, timedelta
from math import nan
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select
from uuid_utils.compat import uuid7

from certificates.seal import sha256_hex
from service.actions import calibrations, deliveries
from service.actions.documents import read_document
from service.answers import chain
from service.errors import AlreadyThere, InvalidField, NotFound, NotTheSenders
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
    assert files["ENT"].keys() == {"json", "html", "proof"}


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


def test_only_its_maker_sends_a_calibration(open_as, owner, names, story):
    """ENT received it with LAB's certificate, which ENT cannot issue in LAB's name."""

    def deliver():
        with open_as("ENT") as session, session.begin():
            deliveries.deliver(session, story.meter, names.OTH, actor_id=ACTOR, now=NOW)

    assert "only its maker" in str(books.refusing(owner, deliver, NotTheSenders))


def test_nothing_is_sent_to_nobody_or_to_oneself(open_as, owner, names, story):
    for customer_id, error in ((uuid7(), NotFound), (names.LAB, InvalidField)):

        def deliver(customer_id=customer_id):
            with open_as("LAB") as session, session.begin():
                deliveries.deliver(session, story.meter, customer_id, actor_id=ACTOR, now=NOW)

        books.refusing(owner, deliver, error)


# --- What a document says is not believed


def tell(open_as, names, change, *, version: int = 1) -> UUID:
    """Let OTH calibrate a gauge for ENT and change the document before it is sent."""
    with open_as("OTH") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 1, 1)).id
        honest = deliveries.deliver(session, id_, names.ENT, actor_id=ACTOR, now=NOW)
        content = deepcopy(honest.content)
        change(content)
        sent = Delivery(
            organization_id=names.ENT, sender_id=names.OTH, kind="calibration", version=version,
            content=content, sent_at=NOW,
        )  # fmt: skip
        session.add(sent)
        session.flush()
        return sent.id


def refuse_to_take_in(open_as, owner, sent: UUID, error=InvalidField):
    def take_in():
        with open_as("ENT") as session, session.begin():
            item = books.register(session, "x").id
            deliveries.take_in(session, sent, item, actor_id=ACTOR, now=LATER)

    return books.refusing(owner, take_in, error)


def edge(**said):
    return dict.fromkeys(deliveries.EDGE) | {
        "position": 0, "method_zh": "直接比较法", "method_en": "direct comparison",
    } | said  # fmt: skip


def certificate(**said):
    known = {
        "id": str(uuid7()), "number": "OTH-2026-00001", "kind": "calibration_certificate",
        "issued_at": NOW.isoformat(), "content_sha256": "0" * 64, "files": [],
    }  # fmt: skip
    return known | said


def file(**said):
    return {"form": "pdf", "sha256": sha256_hex(b"x"), "content": b"x".hex()} | said


def test_an_unchanged_document_is_taken_in(open_as, names):
    """So that the refusals below are for what was changed."""
    sent = tell(open_as, names, lambda said: said.update(certificate=certificate(files=[file()])))
    with open_as("ENT") as session, session.begin():
        item = books.register(session, "x").id

        row = deliveries.take_in(session, sent, item, actor_id=ACTOR, now=LATER)

        received = certificate_store.by_number(session, "OTH-2026-00001")
        assert (row.source, received.issuer_id) == ("received", names.OTH)


def test_a_document_of_a_version_not_yet_known_is_refused(open_as, owner, names):
    sent = tell(open_as, names, lambda _said: None, version=99)

    refused = refuse_to_take_in(open_as, owner, sent)

    assert refused.pointer == "/version"
    assert "99" in refused.reason


MALFORMED = {
    "a field is missing": (lambda said: said.pop("results"), "/content/results"),
    "a field is unknown": (lambda said: said.update(x=1), "/content/x"),
    "a list is none": (lambda said: said.update(references=None), "/content/references"),
    "an id is none": (lambda said: said.update(id="meter"), "/content/id"),
    "a date is a moment": (lambda said: said.update(performed_on=0), "/content/performed_on"),
    "a text is a number": (lambda said: said.update(track=7), "/content/track"),
    "no such kind": (lambda said: said.update(kind="repair"), "/content/kind"),
    "valid before it was made": (lambda said: said.update(valid_until="2020-01-01"), "/content"),
    "an interval the wrong way": (lambda said: said.update(interval_lower=9.0), "/content"),
    "U without its model": (lambda said: said.update(uncertainty_model=None), "/content"),
    "U without its k": (lambda said: said.update(coverage_factor=None), "/content"),
    "digits as a number": (
        lambda said: said["results"][0].update(nominal=1.0), "/content/results/0/nominal",
    ),
    "digits that fill the memory": (
        lambda said: said["results"][0].update(nominal="1E+999999"), "/content/results/0/nominal",
    ),
    "U of zero": (
        lambda said: said["results"][0].update(expanded_uncertainty="0.00"),
        "/content/results/0/expanded_uncertainty",
    ),
    "p of 95": (
        lambda said: said["results"][0].update(coverage_probability=95.0),
        "/content/results/0/coverage_probability",
    ),
    "a result told twice": (lambda said: said["results"].append(said["results"][0]), "/content"),
    "a verdict of nobody's": (
        lambda said: said.update(statements=[{
            "decision_rule": "simple_acceptance", "basis": "x", "verdict": "maybe", "checks": [],
            "stated_at": NOW.isoformat(),
        }]),
        "/content/statements/0/verdict",
    ),
    "a ratio below zero": (
        lambda said: said.update(references=[edge(reference_id=str(uuid7()), ratio=-1.0)]),
        "/content/references/0/ratio",
    ),
    "a reference to nothing": (
        lambda said: said.update(references=[edge()]), "/content/references/0",
    ),
    "a reference that is not cited": (
        lambda said: said.update(references=[edge(reference_id=str(uuid7()))]), "/content",
    ),
    "a calibration that rests on itself": (
        lambda said: said.update(references=[edge(reference_id=said["id"])]), "/content",
    ),
    "bytes of another digest": (
        lambda said: said.update(certificate=certificate(files=[file(sha256="0" * 64)])),
        "/content/certificate/files/0",
    ),
    "content of another digest": (
        lambda said: said.update(certificate=certificate(files=[file(form="json")])),
        "/content/certificate",
    ),
    "bytes that are none": (
        lambda said: said.update(certificate=certificate(files=[file(content="xy")])),
        "/content/certificate/files/0/content",
    ),
    "another's certificate number": (
        lambda said: said.update(certificate=certificate(number="LAB-2026-00099")),
        "/content/certificate/number",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_a_document_that_cannot_be_is_refused_by_its_field(open_as, owner, names, case):
    change, pointer = MALFORMED[case]

    refused = refuse_to_take_in(open_as, owner, tell(open_as, names, change))

    assert refused.pointer == pointer


def test_a_document_of_numbers_that_are_none_is_refused(open_as, names):
    """PostgreSQL would not even keep it; SQLite does."""
    told: list[dict[str, Any]] = []
    tell(open_as, names, told.append)

    with pytest.raises(InvalidField) as refused:
        read_document(1, told[0] | {"interval_lower": nan})

    assert refused.value.pointer == "/content/interval_lower"


def test_a_reference_to_what_nobody_published_is_refused(open_as, owner, names, story):
    published = tell(
        open_as, names, lambda said: said.update(references=[edge(published_id=str(uuid7()))])
    )

    refuse_to_take_in(open_as, owner, published, NotFound)


def test_a_sender_adds_nothing_to_a_result_it_did_not_tell(open_as, owner, names, story):
    with open_as("ENT") as session:
        target = store.results(session, story.meter)[0].id
    sent = tell(
        open_as, names, lambda said: said["influences"].append([str(target), str(uuid7()), 1e6])
    )

    refused = refuse_to_take_in(open_as, owner, sent)

    assert "result that the document does not tell" in refused.reason


def test_results_and_certificates_of_the_book_are_not_told_again(open_as, owner, names, story):
    with open_as("ENT") as session:
        result = str(store.results(session, story.meter)[0].id)

    def again(said):
        said["results"][0]["id"] = result
        said["influences"] = []

    sent = tell(open_as, names, again)
    refuse_to_take_in(open_as, owner, sent, AlreadyThere)
    sent = tell(
        open_as, names,
        lambda said: said.update(certificate=certificate(id=str(story.certificate))),
    )  # fmt: skip
    refuse_to_take_in(open_as, owner, sent, AlreadyThere)


def test_an_item_that_the_ledger_does_not_have_receives_nothing(open_as, owner, names):
    sent = tell(open_as, names, lambda _said: None)

    def take_in():
        with open_as("ENT") as session, session.begin():
            deliveries.take_in(session, sent, uuid7(), actor_id=ACTOR, now=LATER)

    books.refusing(owner, take_in, NotFound)


# --- One standard, told by two


def test_a_customer_hears_of_one_standard_from_two_laboratories(open_as, names, recognized):
    """NIM's unpublished standard is behind LAB's calibration and behind NIM's own."""
    with open_as("NIM") as session, session.begin():
        standard_id = calibrate(session, "S", date(2025, 1, 1), terminal_reason="x").id
        standard = use(reference_id=standard_id)
        working = calibrate(session, "W", date(2025, 2, 1), standard).id
        other = calibrate(session, "N", date(2025, 2, 1), standard).id
        to_lab = deliveries.deliver(session, working, names.LAB, actor_id=ACTOR, now=NOW).id
        direct = deliveries.deliver(session, other, names.ENT, actor_id=ACTOR, now=NOW).id
    with open_as("LAB") as session, session.begin():
        item = books.register(session, "W").id
        deliveries.take_in(session, to_lab, item, actor_id=ACTOR, now=NOW)
        meter = calibrate(session, "M", date(2026, 1, 1), use(reference_id=working)).id
        through = deliveries.deliver(session, meter, names.ENT, actor_id=ACTOR, now=NOW).id

    with open_as("ENT") as session, session.begin():
        for sent in (through, direct):
            item = books.register(session, "received").id
            deliveries.take_in(session, sent, item, actor_id=ACTOR, now=NOW)

        assert store.get(session, standard_id).source == "cited"
        for id_ in (meter, other):
            assert chain(session, id_, on=None, known_at=NOW).unbroken


def test_what_the_recipient_made_may_be_cited_back_to_it(open_as, names, recognized):
    """LAB calibrates a gauge of NIM's with the standard that NIM calibrated for LAB."""
    with open_as("NIM") as session, session.begin():
        standard = calibrate(session, "S", date(2025, 2, 1), terminal_reason="x").id
        to_lab = deliveries.deliver(session, standard, names.LAB, actor_id=ACTOR, now=NOW).id
    with open_as("LAB") as session, session.begin():
        item = books.register(session, "S").id
        deliveries.take_in(session, to_lab, item, actor_id=ACTOR, now=NOW)
        gauge = calibrate(session, "G", date(2026, 1, 1), use(reference_id=standard)).id
        back = deliveries.deliver(session, gauge, names.NIM, actor_id=ACTOR, now=NOW).id

    with open_as("NIM") as session, session.begin():
        item = books.register(session, "G").id
        deliveries.take_in(session, back, item, actor_id=ACTOR, now=NOW)

        assert store.get(session, standard).source == "made"
        assert chain(session, gauge, on=None, known_at=NOW).unbroken


def test_a_standard_is_told_alike_before_and_after_its_reference_is_published(
    open_as, names, story
):
    """LAB's second working standard rests first on a cited standard, then on a published one."""
    with open_as("LAB") as session, session.begin():
        second = calibrate(session, "second", date(2025, 9, 1), use(reference_id=story.working)).id
        meters = [calibrate(session, name, date(2026, 2, 1), use(reference_id=second)).id
                  for name in ("before", "after")]  # fmt: skip
        before = deliveries.deliver(session, meters[0], names.ENT, actor_id=ACTOR, now=NOW).id
        calibrations.publish(session, story.working, actor_id=ACTOR, now=NOW)
        after = deliveries.deliver(session, meters[1], names.ENT, actor_id=ACTOR, now=NOW).id

    with open_as("ENT") as session, session.begin():
        for sent in (before, after):
            item = books.register(session, "received").id
            deliveries.take_in(session, sent, item, actor_id=ACTOR, now=LATER)

        for meter in meters:
            assert chain(session, meter, on=None, known_at=LATER).unbroken


def test_who_cites_first_with_false_facts_is_not_believed_by_the_second(
    open_as, owner, names, story
):
    """OTH tells ENT of LAB's other standard before LAB does, one year younger than it is."""
    with open_as("LAB") as session, session.begin():
        true = calibrate(session, "true", date(2025, 6, 1), use(reference_id=story.reference)).id
        meter = calibrate(session, "m", date(2026, 2, 1), use(reference_id=true)).id
        honest = deliveries.deliver(session, meter, names.ENT, actor_id=ACTOR, now=NOW).id
    with open_as("OTH") as session, session.begin():
        forged = calibrate(session, "true", date(2024, 6, 1), id=true).id
        mine = calibrate(session, "mine", date(2026, 1, 1), use(reference_id=forged)).id
        squatting = deliveries.deliver(session, mine, names.ENT, actor_id=ACTOR, now=NOW).id
    with open_as("ENT") as session, session.begin():
        item = books.register(session, "mine").id
        deliveries.take_in(session, squatting, item, actor_id=ACTOR, now=NOW)

    refused = refuse_to_take_in(open_as, owner, honest, NotTheSenders)

    assert str(true) in str(refused)
