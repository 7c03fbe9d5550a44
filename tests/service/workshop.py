"""What the tests of the laboratory's day share: a gauge of a customer's on the bench of LAB.

The gauge reads as in the worked example; the standard is a pressure module with a permissible
error of 0.00125 MPa, which LAB calibrated against its reference.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session

from procedures.worksheet import Row, Sheet
from service.actions import signing_off, work_orders, worksheets
from service.actions.work_orders import Asked
from service.store import work_orders as store
from service.tables.calibrations import Calibration
from service.tables.items import Item
from service.tables.organizations import Authorisation
from service.tenancy import TenantSession
from service.work_order_states import State
from tests.service import books
from tests.service.books import NOW

TODAY = date(2026, 3, 1)
SYMBOLS = ("up_before_tapping", "up_after_tapping", "down_before_tapping", "down_after_tapping")
READ = {
    "0": ("0.00", "0.00", "0.00", "0.00"),
    "0.4": ("0.41", "0.41", "0.41", "0.41"),
    "0.8": ("0.82", "0.81", "0.82", "0.82"),
    "1.2": ("1.21", "1.21", "1.22", "1.22"),
    "1.6": ("1.61", "1.61", "1.61", "1.61"),
}
ROWS = tuple(
    Row(nominal=nominal, readings=dict(zip(SYMBOLS, readings, strict=True)))
    for nominal, readings in READ.items()
)


def gauge(session: TenantSession, name: str, **facts: Any) -> Item:
    """Enter a gauge of class 1.6 that JJG 52 is for."""
    mpe = {"maximum_permissible_error_model": "absolute"}
    limit = {"maximum_permissible_error_coefficient": 0.0256}
    return books.register(session, name, accuracy_text="1.6级", **mpe, **limit, **facts)


def module(session: TenantSession, reference_id: UUID, **said: Any) -> Calibration:
    """Enter the standard and its calibration; its certificate is valid until the end of 2027."""
    item = books.register(
        session,
        "module",
        kind="measurement_standard",
        accuracy_text="0.05级",
        range_upper=2.5,
        maximum_permissible_error_model="absolute",
        maximum_permissible_error_coefficient=0.00125,
    )
    return books.calibrate(
        session,
        "",
        date(2026, 1, 10),
        books.use(reference_id=reference_id),
        item_id=item.id,
        **said,
    )


def sheet(standard_id: UUID | str, **changes: Any) -> Sheet:
    """Return the worksheet as a technician has filled it in."""
    whole = Sheet(
        accuracy_class="1.6",
        parameters={"span": "1.6", "division": "0.05", "repeatability": "0.0012"},
        environment={"temperature": "20.6", "humidity": "48", "rest_time": "2"},
        rows=ROWS,
        standard=str(standard_id),
    )
    return replace(whole, **changes)


def read_at(index: int, **readings: str) -> tuple[Row, ...]:
    """Return the rows with some readings of one of them changed."""
    rows = list(ROWS)
    rows[index] = replace(rows[index], readings={**rows[index].readings, **readings})
    return tuple(rows)


def asked(item: Item, **said: Any) -> Asked:
    """Return that an item is to be verified."""
    return Asked(item_id=item.id, procedure_code=books.PROCEDURE, **said)


def on_the_bench(session: TenantSession, people: Any, item: Item, **said: Any) -> UUID:
    """Order the verification of an item and bring it as far as its worksheet; return the line."""
    keeper = people["checked"]
    order = work_orders.request(session, [asked(item, **said)], requested_by=keeper, now=NOW)
    work_orders.accept(session, order.id, person=keeper, now=NOW)
    (line,) = store.lines(session, order.id)
    work_orders.receive(session, line.id, condition="sound", person=keeper, now=NOW)
    work_orders.assign(
        session, line.id, people["calibrated"].id, planned_on=TODAY, assigned_by=keeper, now=NOW
    )
    return line.id


def save(session: TenantSession, people: Any, line_id: UUID, said: Sheet, *, after: int = 0) -> int:
    """Save a worksheet as the technician; return its revision."""
    person = people["calibrated"]
    return worksheets.save(session, line_id, said, after=after, person=person, now=NOW).revision


def submit(session: TenantSession, people: Any, line_id: UUID, **said: Any) -> Calibration:
    """Submit the newest revision as the technician, whose identity was proven just now."""
    newest = store.worksheet(session, line_id)
    known: dict[str, Any] = {
        "revision": newest.revision if newest else 0,
        "person": people["calibrated"],
        "authenticated_at": NOW,
        "now": NOW,
    }
    return worksheets.submit(session, line_id, **known | said)


def sign_off(session: TenantSession, people: Any, line_id: UUID, *states: State) -> None:
    """Let the others sign, each as what they are."""
    for state in states:
        signing_off.sign_off(
            session, line_id, state, person=people[state], authenticated_at=NOW, now=NOW
        )


def states_of(session: TenantSession, line_id: UUID) -> list[str]:
    """Return the states an item went through."""
    return [step.state for step in store.steps(session, line_id)]


def authorise(owner: Engine, laboratory_id: UUID, *codes: str) -> None:
    """Let a laboratory verify by JJG 52 and others, as the operator who has seen the document."""
    with Session(owner) as session, session.begin():
        session.add(
            Authorisation(
                holder_id=laboratory_id,
                number="(LAB) 1",
                kind_zh="计量授权",
                scope=[books.PROCEDURE, *codes],
                valid_from=date(2024, 1, 1),
                valid_until=date(2028, 12, 31),
            )
        )


def bench(open_as: Callable[..., TenantSession], names: Any, story: Any) -> SimpleNamespace:
    """Return a gauge of ENT's on the bench of LAB, with its line, its standard and its people."""
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        item = gauge(session, "gauge", customer_id=names.ENT)
        standard = module(session, story.reference)
        line_id = on_the_bench(session, story.people, item)
    return SimpleNamespace(
        item=item, standard=standard, line_id=line_id, people=story.people, story=story
    )
