"""A laboratory records, publishes and ends calibrations of pressure gauges."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from math import inf, nan
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid5

import pytest
from sqlalchemy import Engine

from service.actions import calibrations
from service.actions.calibrations import Statement, Work
from service.answers import chain
from service.errors import AlreadyThere, InvalidField, NotFound, NotPublishable
from service.store import calibrations as store
from service.tables.published import PublishedCalibration, PublishedSupersession
from service.tenancy import TenantSession
from tests.service import books
from tests.service.books import ACTOR, NOW, calibrate, result, use
from traceability.errors import CycleInTraceability, InvalidValue, ReferenceLaterThanUser
from traceability.graph import MeasuringInterval, UncertaintyStatement, build_graph, find_breaks
from traceability.influences import InfluencedResult, correlation, covariance

LATER = NOW + timedelta(days=30)


def influenced(session: TenantSession, calibration_id: UUID) -> InfluencedResult:
    """Return the first result of a calibration with its components."""
    first = store.results(session, calibration_id)[0].id
    return InfluencedResult(
        result_id=first, components={row.influence_id: row.component
                                     for row in store.influences(session, [first])},
    )  # fmt: skip


def links(session: TenantSession, calibration_id: UUID, known_at=NOW) -> dict[UUID, Any]:
    found = store.ancestry(session, calibration_id, known_at=known_at)
    return {link.calibration_id: link for link in found}


# --- Recording


def test_a_record_keeps_every_digit_the_budget_and_the_readings(open_as):
    told = result(estimate=Decimal("0.010"), nominal=Decimal("1.00"), budget=books.budget_of_one())
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1), results=(told,)).id

    with open_as("LAB") as session:
        (row,) = store.results(session, id_)
        assert (str(row.estimate), str(row.nominal)) == ("0.010", "1.00")
        assert str(row.expanded_uncertainty) == "0.020"
        assert row.standard_uncertainty == pytest.approx(0.010)
        budget, record = store.budget(session, row.id), store.original_record(session, id_)
        assert budget is not None
        assert record is not None
        assert budget.sha256 == books.budget_of_one().content_hash
        assert record.content["readings"]["points"] == books.READ


def test_a_record_names_the_item_and_the_laboratory_as_they_are_called_that_day(open_as):
    with open_as("LAB") as session, session.begin():
        row = calibrate(session, "gauge", date(2026, 2, 1))

        assert (row.item_name_zh, row.item_name_en) == ("gauge 压力表", "gauge")
        assert (row.laboratory_zh, row.laboratory_en) == ("LAB 机构", "Lab")
        assert row.source == "made"


def test_a_verdict_stands_beside_the_calibration_with_its_rule(open_as):
    verdict = Statement(decision_rule="simple_acceptance", basis="JJG 52", verdict="pass")
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1), statement=verdict).id

        (row,) = store.conformity_statements(session, id_)
        assert (row.verdict, row.decision_rule) == ("pass", "simple_acceptance")


def test_found_and_left_are_results_of_one_calibration(open_as):
    found, left = result(stage="as_found"), result(stage="as_left", estimate=Decimal("0.000"))
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(
            session, "gauge", date(2026, 2, 1), results=(found, left), is_adjusted=True
        ).id

        told = [(row.stage, str(row.estimate)) for row in store.results(session, id_)]

    assert told == [("as_found", "0.010"), ("as_left", "0.000")]


def test_the_same_standard_may_be_used_twice_in_one_calibration(open_as, story):
    twice = [use(reference_id=story.working, user_value=value) for value in (0.4, 1.6)]
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1), *twice).id

        (link,) = [link for link in links(session, id_).values() if link.calibration_id == id_]

    assert [edge.user_value for edge in link.references] == [0.4, 1.6]


# --- Influences


def test_the_components_of_a_result_add_up_to_its_uncertainty(open_as, story):
    with open_as("LAB") as session:
        assert influenced(session, story.meter).standard_uncertainty == pytest.approx(0.010)
        assert influenced(session, story.working).standard_uncertainty == pytest.approx(0.010)


def test_a_shared_standard_correlates_two_results(open_as, story):
    """Each has u = 0.010 MPa, of which 0.004 MPa by the one working standard: r = 0.4²."""
    with open_as("LAB") as session, session.begin():
        working = use(reference_id=story.working)
        a, b = (
            influenced(session, calibrate(session, name, date(2026, 2, 1), working).id)
            for name in ("a", "b")
        )

    assert covariance(a, b) == pytest.approx(0.004**2)
    assert correlation(a, b) == pytest.approx(0.16)


def test_results_without_a_common_standard_are_not_correlated(open_as):
    with open_as("LAB") as session, session.begin():
        a, b = (influenced(session, calibrate(session, name, date(2026, 2, 1)).id) for name in "ab")

    assert covariance(a, b) == 0.0


def test_a_common_ancestor_correlates_across_two_steps(open_as, story):
    """By two different working standards of one reference standard: r = (0.4 · 0.4)²."""
    with open_as("LAB") as session, session.begin():
        reference = use(reference_id=story.reference)
        a, b = (
            influenced(
                session,
                calibrate(
                    session,
                    name,
                    date(2026, 2, 1),
                    use(reference_id=calibrate(session, "W", date(2025, 7, 1), reference).id),
                ).id,
            )
            for name in ("a", "b")
        )

    assert correlation(a, b) == pytest.approx(0.16**2)


# --- Publishing


def test_a_published_calibration_repeats_the_facts_under_an_id_of_its_own(open_as, names, story):
    with open_as("OTH") as session:
        published = session.get_one(PublishedCalibration, story.published)

        assert published.id != story.national
        assert (published.holder_id, published.calibration_id) == (names.NIM, story.national)
        assert published.item_name_en == "national"
        assert published.terminal_reason == "national standard"
        assert published.performed_on == date(2025, 1, 10)


def test_published_references_lead_from_published_to_published(open_as, story):
    with open_as("OTH") as session, session.begin():
        mine = calibrate(
            session, "x", date(2026, 1, 1), use(published_id=story.published_reference)
        ).id

        found = links(session, mine)

    assert found.keys() == {mine, story.published_reference, story.published}
    assert found[story.published_reference].references[0].reference_id == story.published
    assert find_breaks(build_graph(found.values()), mine) == ()


def test_nobody_publishes_over_a_hole(open_as, owner, story):
    """The working standard behind the meter is not published."""

    def publish():
        with open_as("LAB") as session, session.begin():
            calibrations.publish(session, story.meter, actor_id=ACTOR, now=NOW)

    refused = books.refusing(owner, publish, NotPublishable)
    assert str(story.working) in str(refused)


def test_an_unknown_calibration_is_neither_published_nor_ended(open_as, owner, story):
    """NIM's national standard, by its true id: it is not in LAB's book."""
    for act in (
        lambda session: calibrations.publish(session, story.national, actor_id=ACTOR, now=NOW),
        lambda session: calibrations.end(
            session, story.national, reason="x", actor_id=ACTOR, now=NOW
        ),
    ):
        with open_as("LAB") as session, pytest.raises(NotFound):
            act(session)


# --- Ending


def test_a_withdrawal_reaches_every_book_but_not_the_past(open_as, story):
    with open_as("NIM") as session, session.begin():
        calibrations.end(session, story.national, reason="drift", actor_id=ACTOR, now=LATER)

    with open_as("ENT") as session:
        now, then = (links(session, story.meter, known_at=at) for at in (LATER, NOW))
        assert now[story.published].superseded_at == LATER
        assert now[story.published].successor_id is None
        assert then[story.published].superseded_at is None
        flaws = {found.flaw for found in find_breaks(build_graph(now.values()), story.meter)}
        assert flaws == {"withdrawn_after_use"}
        assert find_breaks(build_graph(then.values()), story.meter) == ()


def test_a_superseded_calibration_names_its_successor_in_book_and_layer(open_as, story):
    with open_as("NIM") as session, session.begin():
        item = store.get(session, story.national).item_id
        successor = calibrate(
            session, "", date(2026, 2, 1), item_id=item, terminal_reason="national standard"
        ).id
        published = calibrations.publish(session, successor, actor_id=ACTOR, now=LATER).id
        calibrations.end(
            session, story.national, successor_id=successor, reason="new value",
            actor_id=ACTOR, now=LATER,
        )  # fmt: skip

        assert links(session, story.national, LATER)[story.national].successor_id == successor
    with open_as("ENT") as session:
        end = session.get_one(PublishedSupersession, story.published)
        assert end.successor_id == published
        found = links(session, story.meter, LATER)
        assert found[story.published].successor_id == published
        assert find_breaks(build_graph(found.values()), story.meter) == ()


def test_a_published_calibration_is_not_succeeded_by_an_unpublished_one(open_as, owner, story):
    with open_as("NIM") as session, session.begin():
        item = store.get(session, story.national).item_id
        successor = calibrate(session, "", date(2026, 2, 1), item_id=item, terminal_reason="x").id

    def supersede():
        with open_as("NIM") as session, session.begin():
            calibrations.end(
                session, story.national, successor_id=successor, reason="x", actor_id=ACTOR,
                now=LATER,
            )  # fmt: skip

    books.refusing(owner, supersede, NotPublishable)


def test_an_item_has_the_calibration_that_was_known_on_the_day(open_as, story):
    on = date(2026, 4, 1)
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.meter, reason="wrong range", actor_id=ACTOR, now=LATER)

        assert store.in_force(session, story.lab_item, on=on, known_at=LATER) is None
        found = store.in_force(session, story.lab_item, on=on, known_at=NOW)
        assert found is not None
        assert found.id == story.meter


@pytest.mark.parametrize(
    ("on", "in_force"),
    [
        (date(2026, 1, 31), None),
        (date(2026, 2, 1), "first"),
        (date(2026, 7, 31), "first"),
        (date(2026, 8, 1), "second"),
        (date(2027, 7, 31), "second"),
        (date(2027, 8, 1), None),
    ],
)
def test_a_calibration_is_in_force_from_its_day_to_its_last_day(open_as, on, in_force):
    with open_as("LAB") as session, session.begin():
        item = books.register(session, "gauge").id
        known = {
            calibrate(session, "", performed_on, item_id=item, valid_until=valid_until).id: name
            for name, performed_on, valid_until in (
                ("first", date(2026, 2, 1), date(2027, 1, 31)),
                ("second", date(2026, 8, 1), date(2027, 7, 31)),
            )
        }

        found = store.in_force(session, item, on=on, known_at=NOW)

        assert (known[found.id] if found else None) == in_force


# --- Bad input: refused by name, pointing at the field, and nothing written

LAST_WEEK = date(2025, 5, 25)  # before the working standard was calibrated
Bad = tuple[Callable[[Any], dict[str, Any]], type[Exception], str]
UNKNOWN = uuid5(UUID(int=0), "nobody's")
BAD: dict[str, Bad] = {
    "the estimate is NaN": (
        lambda _: {"results": (result(), result(estimate=Decimal("NaN")))},
        InvalidField,
        "/results/1/estimate",
    ),
    "the estimate is infinite": (
        lambda _: {"results": (result(estimate=Decimal("-Infinity")),)},
        InvalidField,
        "/results/0/estimate",
    ),
    "the nominal value is infinite": (
        lambda _: {"results": (result(nominal=Decimal("Infinity")),)},
        InvalidField,
        "/results/0/nominal",
    ),
    "the expanded uncertainty is negative": (
        lambda _: {"results": (result(expanded_uncertainty=Decimal("-0.020")),)},
        InvalidField,
        "/results/0/expanded_uncertainty",
    ),
    "the expanded uncertainty is zero": (
        lambda _: {"results": (result(expanded_uncertainty=Decimal("0.000")),)},
        InvalidField,
        "/results/0/expanded_uncertainty",
    ),
    "the expanded uncertainty is NaN": (
        lambda _: {"results": (result(expanded_uncertainty=Decimal("NaN")),)},
        InvalidField,
        "/results/0/expanded_uncertainty",
    ),
    "U is told without k": (
        lambda _: {"results": (result(coverage_factor=None),)},
        InvalidField,
        "/results/0/coverage_factor",
    ),
    "k is negative": (
        lambda _: {"results": (result(coverage_factor=-2.0),)},
        InvalidField,
        "/results/0/coverage_factor",
    ),
    "k is NaN": (
        lambda _: {"results": (result(coverage_factor=nan),)},
        InvalidField,
        "/results/0/coverage_factor",
    ),
    "the standard uncertainty is infinite": (
        lambda _: {"results": (result(standard_uncertainty=inf),)},
        InvalidField,
        "/results/0/standard_uncertainty",
    ),
    "the reference's uncertainty is NaN": (
        lambda story: {"uses": [use(reference_id=story.working, standard_uncertainty=nan)]},
        InvalidField,
        "/uses/0/standard_uncertainty",
    ),
    "the contribution is negative": (
        lambda story: {
            "uses": [
                use(reference_id=story.working),
                use(reference_id=story.working, contributed_standard_uncertainty=-0.004),
            ]
        },
        InvalidField,
        "/uses/1/contributed_standard_uncertainty",
    ),
    "the stated uncertainty is NaN": (
        lambda _: {
            "uncertainty": UncertaintyStatement(
                model="absolute", coefficient=nan, coverage_factor=2.0, unit="MPa"
            )
        },
        InvalidValue,
        "coefficient must be finite",
    ),
    "the stated uncertainty has no k": (
        lambda _: {
            "uncertainty": UncertaintyStatement(
                model="absolute", coefficient=0.02, coverage_factor=0.0, unit="MPa"
            )
        },
        InvalidValue,
        "coverage_factor must be above 0",
    ),
    "the interval is upside down": (
        lambda _: {"interval": MeasuringInterval(lower=1.6, upper=0.0, unit="MPa")},
        InvalidValue,
        "upper must be at least 1.6",
    ),
    "the reference is later than its user": (
        lambda story: {"uses": [use(reference_id=story.working)], "performed_on": LAST_WEEK},
        ReferenceLaterThanUser,
        "performed only on 2025-06-01",
    ),
    "the published reference is later than its user": (
        lambda story: {
            "uses": [use(published_id=story.published)],
            "performed_on": date(2025, 1, 9),
        },
        ReferenceLaterThanUser,
        "performed only on 2025-01-10",
    ),
    "the calibration refers to itself": (
        lambda _: {"uses": [use(reference_id=UNKNOWN)], "id": UNKNOWN},
        CycleInTraceability,
        f"{UNKNOWN} → {UNKNOWN}",
    ),
    "the reference is unknown": (
        lambda _: {"uses": [use(reference_id=UNKNOWN)]},
        NotFound,
        f"no calibration {UNKNOWN}",
    ),
    "the reference is another's": (
        lambda story: {"uses": [use(reference_id=story.national)]},
        NotFound,
        "no calibration",
    ),
    "the published reference is unknown": (
        lambda _: {"uses": [use(published_id=UNKNOWN)]},
        NotFound,
        f"no published calibration {UNKNOWN}",
    ),
    "the item is unknown": (lambda _: {"item_id": UNKNOWN}, NotFound, f"no item {UNKNOWN}"),
    "the id is in the book already": (
        lambda story: {"id": story.meter},
        AlreadyThere,
        "is in the book already",
    ),
}  # fmt: skip


def bad_work(story: SimpleNamespace, case: str) -> Work:
    """Return a sound work but for one thing."""
    said: dict[str, Any] = {
        "item_id": story.lab_item,
        "performed_on": date(2026, 2, 1),
        "uses": [],
    } | BAD[case][0](story)
    return books.work(said.pop("item_id"), said.pop("performed_on"), *said.pop("uses"), **said)


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_by_name_and_nothing_is_written(
    open_as, owner: Engine, story: SimpleNamespace, case: str
):
    _, error, pointed = BAD[case]

    def record():
        with open_as("LAB") as session, session.begin():
            calibrations.record(session, bad_work(story, case), performed_by=ACTOR, now=NOW)

    refused = books.refusing(owner, record, error)
    assert pointed in str(refused)


def test_a_later_reference_is_named_with_its_place_and_both_days(open_as, story):
    with open_as("LAB") as session, pytest.raises(ReferenceLaterThanUser) as caught:
        calibrate(
            session, "x", LAST_WEEK, use(reference_id=story.reference),
            use(reference_id=story.working),
        )  # fmt: skip

    refused = caught.value
    assert (refused.position, refused.reference_id) == (1, story.working)
    assert (refused.performed_on, refused.reference_performed_on) == (LAST_WEEK, date(2025, 6, 1))


def test_a_reference_of_the_same_day_may_serve(open_as, story):
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "x", date(2025, 6, 1), use(reference_id=story.working)).id

        assert chain(session, id_, on=None, known_at=NOW).breaks == ()
