"""What a worksheet shows: filled in as far as is known, with its standards and what it comes to.

Nothing is written here; a person changes whatever is filled in, and saves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from procedures.method import ProcedureEdition
from procedures.worksheet import Course, Judged, Row, Sheet, plain, plan_rows
from service.actions import worksheets as actions
from service.answers import eligible_standards
from service.clock import day_of
from service.store import items as item_store
from service.store import people as people_store
from service.store import procedures as procedure_store
from service.store import work_orders as store
from service.tables.items import Item
from service.tables.people import Person
from service.tables.work_orders import WorkOrder, WorkOrderLine, WorkOrderStep, WorksheetRevision
from service.tenancy import TenantSession
from service.work_order_states import State
from traceability.standards import Proposal

PLACE = "laboratory"
REST = "rest_time"  # the condition that is the time since the item came in, in hours
LOGGED_WITHIN = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A worksheet as it stands.

    Attributes:
        saved: the newest revision; None while nothing was saved, then `sheet` is filled in.
        proposals: the standards, those that may be used first; empty where the sheet has no point.
        names: what readings are called, by their symbols, is of the edition.
    """

    order: WorkOrder
    line: WorkOrderLine
    item: Item
    step: WorkOrderStep
    assigned_to: Person | None
    edition: ProcedureEdition
    saved: WorksheetRevision | None
    sheet: Sheet
    proposals: tuple[Proposal, ...]
    judged: Judged

    @property
    def revision(self) -> int:
        """The number of the newest revision; 0 while nothing was saved."""
        return self.saved.revision if self.saved else 0

    @property
    def is_open(self) -> bool:
        """Whether it may be written on."""
        return self.step.state == State.ASSIGNED


def open_worksheet(session: TenantSession, line_id: UUID, *, now: datetime) -> Opened:
    """Return the worksheet of one item of a work order, as it was saved or filled in anew.

    Raises:
        NotFound: the book has no such item, or no edition of its procedure is in force.
    """
    line = store.line(session, line_id)
    item = item_store.get(session, line.item_id)
    edition = procedure_store.in_force(session, line.procedure_code, on=day_of(now)).edition
    saved = store.worksheet(session, line_id)
    if saved is not None:
        sheet = actions.as_sheet(saved.content)
        proposals = proposals_for(session, item, sheet, edition, now=now)
    else:
        sheet = _filled_in(session, line, item, edition, now=now)
        proposals = proposals_for(session, item, sheet, edition, now=now)
        if proposals and proposals[0].eligible:
            best = proposals[0].candidate.link.calibration_id
            sheet = replace(sheet, standard=str(best))
    step = store.last_step(session, line_id)
    return Opened(
        order=store.get(session, line.work_order_id),
        line=line,
        item=item,
        step=step,
        assigned_to=people_store.get(session, step.assigned_to_id) if step.assigned_to_id else None,
        edition=edition,
        saved=saved,
        sheet=sheet,
        proposals=proposals,
        judged=actions.assess(session, item, sheet, edition, on=day_of(now)),
    )


def evaluate(session: TenantSession, line_id: UUID, sheet: Sheet, *, now: datetime) -> Judged:
    """Return what a sheet would come to; nothing is kept.

    Raises:
        NotFound: the book has no such item, or no edition of its procedure is in force.
        InvalidField: the sheet names a standard that is none.
    """
    line = store.line(session, line_id)
    item = item_store.get(session, line.item_id)
    edition = procedure_store.in_force(session, line.procedure_code, on=day_of(now)).edition
    return actions.assess(session, item, sheet, edition, on=day_of(now))


def proposals_for(
    session: TenantSession, item: Item, sheet: Sheet, edition: ProcedureEdition, *, now: datetime
) -> tuple[Proposal, ...]:
    """Return the standards for the points of a sheet, those that may be used today first."""
    interval = actions.interval_of(sheet, item, edition)
    if interval is None and not edition.test_points.is_done_once:
        return ()
    basis, ratio_limit = actions.ratio_rule(edition)
    return eligible_standards(
        session,
        item.id,
        interval=interval,
        basis=basis,
        ratio_limit=ratio_limit,
        on=day_of(now),
        known_at=now,
    )


def _filled_in(
    session: TenantSession,
    line: WorkOrderLine,
    item: Item,
    edition: ProcedureEdition,
    *,
    now: datetime,
) -> Sheet:
    """Return a sheet with all that is known before anything is read, and no reading."""
    records = store.records_of_type(session, item, edition.code)
    own = [readings for item_id, readings in records if item_id == item.id]
    last: Mapping[str, Any] = next(iter([*own, *(readings for _, readings in records)]), {})
    accuracy_class = _accuracy_class(item, edition)
    parameters = _parameters(item, edition, last.get("parameters", {}))
    options = {
        option.name: last.get("options", {}).get(option.name) or option.default or ""
        for option in edition.options
    }
    if last:
        rows = tuple(_empty(actions.row_of(point)) for point in last["points"])
    else:
        rows = plan_rows(
            edition,
            accuracy_class=accuracy_class,
            options={name: word for name, word in options.items() if word},
            parameters={name: float(text) for name, text in parameters.items() if text},
            lower=item.range_lower,
            upper=item.range_upper,
        )
    return Sheet(
        accuracy_class=accuracy_class,
        parameters=parameters,
        environment=_environment(session, line, edition, now=now),
        rows=rows,
        course=Course.INITIAL if line.is_initial else Course.MEASURED,
        options=options,
        inspections={inspection.name: "" for inspection in edition.inspections},
    )


def _empty(row: Row) -> Row:
    """Return a row with its place and without its readings."""
    nominal = _shortest(row.nominal) if row.nominal else ""
    return replace(row, nominal=nominal, readings=dict.fromkeys(row.readings, ""))


def _accuracy_class(item: Item, edition: ProcedureEdition) -> str:
    """Return the class on the item's plate, in the edition's spelling; empty if it has none."""
    told = item.accuracy_text.replace("级", "").removeprefix("class").strip()
    for known in edition.classes:
        if told == known.name or told in known.also:
            return known.name
    return ""


def _parameters(item: Item, edition: ProcedureEdition, before: Mapping[str, str]) -> dict[str, str]:
    """Return the edition's parameters: as last time for this type, else from the item's range."""
    from_range: dict[str, float] = {}
    lower, upper = item.range_lower, item.range_upper
    if item.range_unit == edition.measurand.unit and lower is not None and upper is not None:
        from_range = {"span": upper - lower, "upper": upper, "lower": lower}
    told = {}
    for parameter in edition.parameters:
        symbol = parameter.symbol
        if symbol in before:
            told[symbol] = _shortest(before[symbol])
        elif parameter.default is None and symbol in from_range:
            told[symbol] = str(plain(from_range[symbol]))
        else:
            told[symbol] = ""
    return told


def _environment(
    session: TenantSession, line: WorkOrderLine, edition: ProcedureEdition, *, now: datetime
) -> dict[str, str]:
    """Return the room's newest readings of the last hours, and how long the item has been here."""
    logged = {
        reading.condition: str(plain(reading.value))
        for reading in store.environment(session, PLACE, since=now - LOGGED_WITHIN, until=now)
    }
    received = [step for step in store.steps(session, line.id) if step.state == State.RECEIVED]
    if received:
        hours = (now - received[-1].recorded_at) / timedelta(hours=1)
        logged.setdefault(REST, f"{hours:.1f}")
    return {
        condition.name: logged.get(condition.name, "") for condition in edition.recorded_conditions
    }


def _shortest(text: str) -> str:
    """Return a number of a record as a person writes it: 0.4 for 0.4000, 0 for 0.0."""
    return str(plain(float(text)))
