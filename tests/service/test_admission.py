"""What may not be recorded, published or ended: refused by name, so that no book is spoiled."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from math import hypot, nan
from typing import Any
from uuid import UUID

import pytest

from service.actions import calibrations
from service.actions.calibrations import Statement
from service.errors import AlreadyThere, InvalidField, NotFound, NotPublishable
from service.store import calibrations as store
from tests.service import books
from tests.service.books import ACTOR, NOW, calibrate, result, use
from traceability.errors import InvalidValue
from traceability.graph import UncertaintyStatement

DAY = date(2026, 2, 1)


def stated(**said: Any) -> UncertaintyStatement:
    usual: dict[str, Any] = {"model": "absolute", "coefficient": 0.02, "coverage_factor": 2.0}
    return UncertaintyStatement(**usual | {"unit": "MPa"} | said)


BAD_WORK: dict[str, Callable[[UUID], dict[str, Any]]] = {
    "/uses/0/at_value": lambda w: {"uses": [use(reference_id=w, at_value=nan)]},
    "/uses/0/ratio": lambda w: {"uses": [use(reference_id=w, ratio=-1.0)]},
    "/uses/0/sensitivity_coefficient": lambda w: {
        "uses": [use(reference_id=w, sensitivity_coefficient=nan)]
    },
    "/uses/0/reference_id: name one": lambda _: {"uses": [use()]},
    "/uses/0/reference_id": lambda w: {"uses": [use(reference_id=w, published_id=w)]},
    "/uses/0/user_value": lambda w: {
        "uses": [use(reference_id=w, user_value=0.0)],
        "uncertainty": stated(model="relative", coefficient=0.01),
    },
    "/results/0/coverage_probability": lambda _: {"results": (result(coverage_probability=95.0),)},
    "/results/0/degrees_of_freedom": lambda _: {"results": (result(degrees_of_freedom=nan),)},
    "/results/0/standard_uncertainty": lambda _: {"results": (result(standard_uncertainty=-1.0),)},
    "/results/0/maximum_permissible_error": lambda _: {
        "results": (result(maximum_permissible_error=Decimal(-1)),)
    },
    "/valid_until": lambda _: {"valid_until": date(2020, 1, 1)},
    "/uncertainty/coefficient": lambda _: {"uncertainty": stated(coefficient=0.0)},
    "/uncertainty: U in kPa": lambda _: {"uncertainty": stated(coefficient=20.0, unit="kPa")},
}
BAD_ITEMS: dict[str, dict[str, Any]] = {
    "/range_lower": {"range_lower": nan},
    "/range_lower: the range": {"range_lower": 2.0, "range_upper": 1.0},
    "/maximum_permissible_error_coefficient": {
        "maximum_permissible_error_model": "absolute",
        "maximum_permissible_error_coefficient": nan,
    },
    "/maximum_permissible_error_model": {
        "maximum_permissible_error_model": "abs",
        "maximum_permissible_error_coefficient": 1.0,
    },
}


@pytest.mark.parametrize("pointer", BAD_WORK)
def test_a_calibration_that_cannot_be_is_refused_with_a_pointer(open_as, story, pointer):
    said = BAD_WORK[pointer](story.working)

    with open_as("LAB") as session, pytest.raises(InvalidField) as refused, session.begin():
        calibrate(session, "x", DAY, *said.pop("uses", ()), **said)

    assert str(refused.value).startswith(pointer)


@pytest.mark.parametrize("pointer", BAD_ITEMS)
def test_an_item_that_cannot_be_is_refused_with_a_pointer(open_as, pointer):
    with open_as("LAB") as session, pytest.raises(InvalidField) as refused, session.begin():
        books.register(session, "x", **BAD_ITEMS[pointer])

    assert str(refused.value).startswith(pointer)


def test_nothing_published_makes_another_book_unreadable(open_as, story):
    """A reader trusts the reference layer, so what cannot be read never gets there."""
    bad = use(published_id=story.published, ratio=-1.0)
    with suppress(InvalidField, InvalidValue), open_as("OTH") as session, session.begin():
        row = calibrate(session, "z", date(2026, 1, 1), bad)
        calibrations.publish(session, row.id, actor_id=ACTOR, now=NOW)

    with open_as("LAB") as session:
        assert len(store.book(session, known_at=NOW)) > 0


def test_a_failed_verification_is_never_in_force(open_as):
    failed = Statement(decision_rule="simple_acceptance", basis="x", verdict="fail")
    with open_as("LAB") as session, session.begin():
        item = calibrate(session, "std", date(2026, 1, 1)).item_id
        assert item is not None
        calibrate(session, "", DAY, item_id=item, valid_until=None, statement=failed)

        assert store.in_force(session, item, on=date(2030, 1, 1), known_at=NOW) is None
        assert store.in_force(session, item, on=DAY, known_at=NOW) is None


def test_another_track_is_not_in_force_for_the_main_one(open_as):
    with open_as("LAB") as session, session.begin():
        main = calibrate(session, "two", date(2026, 1, 1))
        assert main.item_id is not None
        calibrate(session, "", date(2026, 1, 2), item_id=main.item_id, track="density")

        found = store.in_force(session, main.item_id, on=DAY, known_at=NOW)
        assert found is not None
        assert found.id == main.id


def test_the_components_never_exceed_the_stated_uncertainty(open_as, story):
    """Where references bring more than the result admits to, the audit tells."""
    with open_as("LAB") as session, session.begin():
        row = calibrate(
            session, "o", date(2026, 1, 1),
            use(reference_id=story.working, contributed_standard_uncertainty=0.5),
        )  # fmt: skip
        (first,) = store.results(session, row.id)
        parts = [part.component for part in store.influences(session, [first.id])]

        assert hypot(*parts) == pytest.approx(first.standard_uncertainty)


def test_two_laboratories_on_one_published_standard_are_correlated(open_as, story):
    """The published calibration itself is the influence that both share."""
    shares = []
    for code in ("LAB", "OTH"):
        with open_as(code) as session, session.begin():
            row = calibrate(session, "meter", DAY, use(published_id=story.published))
            shares.append(store.direction(session, row.id))

    assert story.published in shares[0].keys() & shares[1].keys()


def test_what_has_ended_or_is_published_is_not_published(open_as):
    with open_as("LAB") as session, session.begin():
        ended = calibrate(session, "z", date(2026, 1, 1), terminal_reason="t").id
        calibrations.end(session, ended, reason="r", actor_id=ACTOR, now=NOW)
        standing = calibrate(session, "y", date(2026, 1, 1), terminal_reason="t").id
        calibrations.publish(session, standing, actor_id=ACTOR, now=NOW)

        with pytest.raises(NotPublishable):
            calibrations.publish(session, ended, actor_id=ACTOR, now=NOW)
        with pytest.raises(AlreadyThere):
            calibrations.publish(session, standing, actor_id=ACTOR, now=NOW)


def test_a_calibration_ends_once_and_by_a_standing_one_of_its_own_item(open_as, story):
    end: dict[str, Any] = {"reason": "x", "actor_id": ACTOR, "now": NOW}
    with open_as("LAB") as session, session.begin():
        first = calibrate(session, "a", date(2026, 1, 1))
        second = calibrate(session, "", DAY, item_id=first.item_id)
        other = calibrate(session, "b", DAY)

        with pytest.raises(InvalidField):
            calibrations.end(session, first.id, successor_id=other.id, **end)
        with pytest.raises(NotFound):
            calibrations.end(session, first.id, successor_id=story.national, **end)
        calibrations.end(session, first.id, successor_id=second.id, **end)
        with pytest.raises(AlreadyThere):
            calibrations.end(session, first.id, **end)
        with pytest.raises(InvalidField):
            calibrations.end(session, second.id, successor_id=first.id, **end)
