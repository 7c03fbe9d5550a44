"""Recalls: what would be if a standard was wrong, and each recall from its opening to its end."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from procedures.worksheet import plain
from service import networks, recalls
from service.actions import recalls as actions
from service.actions.documents import VERSION
from service.actions.notice_documents import read_notice
from service.affected import Fault, RecallList, recall
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today, day_of
from service.errors import InvalidField, NotFound
from service.recalls import AffectedItem, RecallProgress
from service.store import organizations as organization_store
from service.store import recalls as store
from service.store.recalls import Status
from service.tables.organizations import Organization
from service.tables.recalls import RecallRecord
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.notices import Letter, letter_of, percent, rounded
from service.web.telling import decimal, item_name
from service.web.views import Bilingual
from traceability.errors import InvalidValue
from traceability.impact import AffectedResult, DriftAssumption, Verdict

router = APIRouter(include_in_schema=False)

MOST_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the form says, as it was typed."""

    last_good_on: str = ""
    found_on: str = ""
    as_found: str = ""
    u: str = ""
    assumption: DriftAssumption = DriftAssumption.STEP_AT_START


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a recall would find under one assumption."""

    assumption: DriftAssumption
    calibrations: int
    results: int
    overturned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One affected result, ready to be read."""

    item: Bilingual
    item_id: UUID | None
    certificate_number: str | None
    customer: Bilingual | None
    unit: str
    value: Decimal
    error: Decimal | None
    corrected_error: Decimal | None
    limit: Decimal | None
    recorded_verdict: Verdict
    corrected_verdict: Verdict
    chance: Decimal | None
    steps: int
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRung:
    """How much lies so many steps below the standard; `part` of the fullest rung, in (0, 1]."""

    steps: int
    items: int
    results: int
    overturned: int
    closed: int
    part: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfPage:
    """What would be recalled; nothing is written. `problem` says what the form lacks."""

    calibration_id: UUID
    name: Bilingual
    certificate_number: str | None
    unit: str
    asked: Asked
    problem: str | None = None
    outcomes: tuple[Outcome, ...] = ()
    rungs: tuple[RecallRung, ...] = ()
    rows: tuple[CaseRow, ...] = ()
    results: int = 0
    untouched: int = 0
    unjudged: tuple[Bilingual, ...] = ()
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRow:
    """One recall of the list."""

    recall_id: UUID
    name: Bilingual
    certificate_number: str | None
    opened_on: date
    status: Status
    items: int
    closed: int
    overturned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallsPage:
    """The recalls of the book, the newest first."""

    rows: tuple[RecallRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """An affected item and how it was settled."""

    item_id: UUID
    name: Bilingual
    serial_number: str
    certificate_number: str | None
    calibration_id: UUID
    steps: int
    results: int
    overturned: int
    is_judged: bool
    told_on: date | None
    closed_on: date | None
    closed_by: UUID | None
    statement: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerList:
    """The items of one customer; without one they are the organization's own."""

    customer_id: UUID | None
    name: Bilingual | None
    is_told: bool
    items: tuple[ItemRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallPage:
    """A recall: what is known, how far it has come, whom it concerns.

    `what_if` asks the same under the other assumptions; None where a person opened it.
    """

    recall_id: UUID
    standard_id: UUID
    name: Bilingual
    certificate_number: str | None
    last_good_on: date
    found_on: date
    unit: str
    as_found: tuple[tuple[Decimal, Decimal], ...]
    u: Decimal | None
    assumption: DriftAssumption
    opened_on: date
    status: Status
    closed_on: date | None
    decided_on: date | None
    reason: str
    found_by_id: UUID | None
    what_if: str | None
    items: int
    closed: int
    results: int
    overturned: int
    rungs: tuple[RecallRung, ...]
    customers: tuple[CustomerList, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallLetterPage:
    """The letter to one customer, as it would be sent."""

    recall_id: UUID
    letter: Letter


for page_class, template in (
    (WhatIfPage, "what_if.html"),
    (RecallsPage, "recalls.html"),
    (RecallPage, "recall.html"),
    (RecallLetterPage, "recall_letter.html"),
):
    TEMPLATES[page_class] = template


# --- What if -----------------------------------------------------------------------------------


@router.get(addresses.WHAT_IF_ROUTE)
def show_what_if(
    request: Request,
    session: Reading,
    today: Today,
    now: Now,
    calibration_id: UUID,
    last_good_on: Annotated[str, Query(max_length=10)] = "",
    found_on: Annotated[str, Query(max_length=10)] = "",
    as_found: Annotated[str, Query(max_length=4000)] = "",
    u: Annotated[str, Query(max_length=40)] = "",
    assumption: DriftAssumption = DriftAssumption.STEP_AT_START,
) -> HTMLResponse:
    """Show what a recall would find, under each assumption; nothing is written."""
    asked = Asked(
        last_good_on=last_good_on, found_on=found_on, as_found=as_found, u=u, assumption=assumption
    )
    root = networks.dependents(session, calibration_id, on=today, known_at=now).root
    empty = WhatIfPage(
        calibration_id=calibration_id,
        name=item_name(root),
        certificate_number=root.certificate_number,
        unit=root.interval.unit if root.interval else "",
        asked=asked,
    )
    if not (last_good_on or found_on or as_found):
        return render_page(request, empty)
    try:
        found = {
            one: recall(
                session, calibration_id, fault_typed(asked), assumption=one, on=today, known_at=now
            )
            for one in DriftAssumption
        }
    except (InvalidField, InvalidValue) as error:
        told = replace(empty, problem=str(error))
        return render_page(request, told, status=422)
    return render_page(request, _what_if(session, empty, found))


@router.post(addresses.WHAT_IF_ROUTE)
def open_recall(
    session: Transaction,
    actor: Acting,
    now: Now,
    calibration_id: UUID,
    last_good_on: Annotated[str, Form(max_length=10)],
    found_on: Annotated[str, Form(max_length=10)],
    as_found: Annotated[str, Form(max_length=4000)],
    unit: Annotated[str, Form(max_length=40)],
    assumption: Annotated[DriftAssumption, Form()],
    u: Annotated[str, Form(max_length=40)] = "",
) -> RedirectResponse:
    """Open the recall that was shown, and go to it."""
    asked = Asked(
        last_good_on=last_good_on, found_on=found_on, as_found=as_found, u=u, assumption=assumption
    )
    row = actions.open_recall(
        session,
        calibration_id,
        fault_typed(asked, unit=unit),
        assumption=assumption,
        actor_id=actor.person_id,
        now=now,
    )
    return RedirectResponse(addresses.recall(row.id), 303)


def fault_typed(asked: Asked, *, unit: str | None = None) -> Fault:
    """Return what a form says of a standard.

    Raises:
        InvalidField: a date, a point or the uncertainty cannot be read.
    """
    return Fault(
        last_good_on=_date("/last_good_on", asked.last_good_on),
        found_on=_date("/found_on", asked.found_on),
        as_found=tuple(_points(asked.as_found)),
        unit=unit,
        standard_uncertainty=_number("/u", asked.u) if asked.u.strip() else None,
    )


def _date(pointer: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidField(pointer, f"{text!r} is not a date") from error


def _number(pointer: str, text: str) -> float:
    try:
        return float(text.replace("−", "-"))
    except ValueError as error:
        raise InvalidField(pointer, f"{text!r} is not a number") from error


def _points(text: str) -> Iterator[tuple[float, float]]:
    """Yield value and error of each line or word: 10=-0.002."""
    for word in text.replace(",", " ").replace("；", " ").replace(";", " ").split():
        value, separator, error = word.partition("=")
        if not separator:
            raise InvalidField("/as_found", f"{word!r} is not a value and its error, as 10=-0.002")
        yield _number("/as_found", value), _number("/as_found", error)


def _what_if(
    session: TenantSession, empty: WhatIfPage, found: Mapping[DriftAssumption, RecallList]
) -> WhatIfPage:
    chosen = found[empty.asked.assumption]
    customers = _customers(session)
    rows = [_case_row(chosen, case, customers) for case in chosen.recall.affected]
    return replace(
        empty,
        outcomes=tuple(_outcome(one) for one in found.values()),
        rungs=tuple(_rungs(_by_steps(rows))),
        rows=tuple(rows[:MOST_ROWS]),
        results=len(rows),
        untouched=len(chosen.recall.untouched),
        unjudged=tuple(item_name(chosen.links[id_]) for id_ in sorted(chosen.unjudged())),
        answered=True,
    )


def _outcome(found: RecallList) -> Outcome:
    return Outcome(
        assumption=found.recall.assumption,
        calibrations=len(found.recall.calibration_ids),
        results=len(found.recall.affected),
        overturned=sum(case.overturned for case in found.recall.affected),
    )


def _case_row(
    found: RecallList, case: AffectedResult, customers: Mapping[UUID, Organization]
) -> CaseRow:
    result = case.result
    link = found.links[result.calibration_id]
    customer = customers.get(result.customer_id) if result.customer_id else None
    return CaseRow(
        item=item_name(link),
        item_id=link.item_id,
        certificate_number=link.certificate_number,
        customer=_named(customer) if customer else None,
        unit=found.units[result.result_id],
        value=decimal(result.value),
        error=rounded(result.error),
        corrected_error=rounded(case.corrected_error),
        limit=rounded(result.limit),
        recorded_verdict=case.recorded_verdict,
        corrected_verdict=case.corrected_verdict,
        chance=percent(case.probability_of_nonconformity),
        steps=len(case.path) - 1,
        is_open=result.result_id in found.open_ids,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What one rung counts."""

    items: int
    results: int
    overturned: int
    closed: int


def _by_steps(rows: Iterable[CaseRow]) -> dict[int, _Step]:
    rungs: defaultdict[int, list[CaseRow]] = defaultdict(list)
    for row in rows:
        rungs[row.steps].append(row)
    return {
        steps: _Step(
            items=len({row.item_id for row in own}),
            results=len(own),
            overturned=sum(
                row.recorded_verdict == Verdict.CONFORMING
                and row.corrected_verdict == Verdict.NONCONFORMING
                for row in own
            ),
            closed=len({row.item_id for row in own} - {row.item_id for row in own if row.is_open}),
        )
        for steps, own in sorted(rungs.items())
    }


def _rungs(steps: Mapping[int, _Step]) -> Iterator[RecallRung]:
    fullest = max((one.items for one in steps.values()), default=1)
    for level, one in steps.items():
        yield RecallRung(
            steps=level,
            items=one.items,
            results=one.results,
            overturned=one.overturned,
            closed=one.closed,
            part=one.items / fullest,
        )


# --- Recalls -----------------------------------------------------------------------------------


@router.get(addresses.RECALLS_ROUTE)
def show_recalls(request: Request, session: Reading) -> HTMLResponse:
    """Show the recalls of the own book."""
    found = [recalls.progress(session, row.id) for row in store.all_of_them(session)]
    view = RecallsPage(
        rows=tuple(
            RecallRow(
                recall_id=one.row.id,
                name=_standard(one),
                certificate_number=one.certificate_number,
                opened_on=day_of(one.row.opened_at),
                status=one.status,
                items=len(one.items),
                closed=one.closed,
                overturned=one.overturned,
            )
            for one in found
        )
    )
    return render_page(request, view)


@router.get(addresses.RECALL_ROUTE)
def show_recall(request: Request, session: Reading, recall_id: UUID) -> HTMLResponse:
    """Show a recall: ladder, lists of the customers, progress."""
    return render_page(request, recall_page(recalls.progress(session, recall_id)))


@router.get(addresses.RECALL_LETTER_ROUTE)
def show_letter(
    request: Request, session: Reading, recall_id: UUID, customer_id: UUID
) -> HTMLResponse:
    """Show the letter to one customer of all that the recall affects, sent or not yet."""
    found = recalls.progress(session, recall_id)
    items = found.by_customer().get(customer_id)
    if items is None:
        raise NotFound("customer of the recall", customer_id)
    affected = store.calibrations(session, recall_id)
    ids = {one.calibration_id for one, _, _ in affected if one.customer_id == customer_id}
    said = read_notice(VERSION, actions.letter(session, found.row, ids))
    view = RecallLetterPage(
        recall_id=recall_id,
        letter=letter_of(
            said,
            sender=session.get_one(Organization, session.organization_id),
            recipient=found.customers[customer_id],
            sent_on=_told_on(items),
            names={},
        ),
    )
    return render_page(request, view)


@router.post(addresses.RECALL_STEP_ROUTE)
def take_step(
    session: Transaction,
    actor: Acting,
    now: Now,
    recall_id: UUID,
    step: Literal["decision", "letters", "extensions", "re-verifications", "closings"],
    item_id: Annotated[UUID | None, Form()] = None,
    statement: Annotated[str, Form(max_length=2000)] = "",
    *,
    confirms: Annotated[bool, Form()] = False,
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> RedirectResponse:
    """Confirm or drop, send the letters, list what came since, settle items; show it again."""
    by: dict[str, Any] = {"actor_id": actor.person_id, "now": now}
    if step == "decision":
        actions.decide(session, recall_id, confirms=confirms, reason=reason, **by)
    elif step == "letters":
        actions.send_letters(session, recall_id, **by)
    elif step == "extensions":
        actions.extend(session, recall_id, **by)
    elif step == "re-verifications":
        actions.close_calibrated_anew(session, recall_id, **by)
    elif item_id is None:
        raise InvalidField("/item_id", "name the item")
    else:
        actions.close_item(session, recall_id, item_id, statement=statement or None, **by)
    return RedirectResponse(addresses.recall(recall_id), 303)


def recall_page(found: RecallProgress) -> RecallPage:
    """Return a recall for reading."""
    row = found.row
    return RecallPage(
        recall_id=row.id,
        standard_id=row.calibration_id or found.standard.id,
        name=_standard(found),
        certificate_number=found.certificate_number,
        last_good_on=row.last_good_on,
        found_on=row.found_on,
        unit=row.unit,
        as_found=tuple((decimal(value), decimal(error)) for value, error in row.as_found),
        u=rounded(row.standard_uncertainty),
        assumption=DriftAssumption(row.assumption),
        opened_on=day_of(row.opened_at),
        status=found.status,
        closed_on=_day(found.closed_at),
        decided_on=day_of(found.decision.decided_at) if found.decision else None,
        reason=found.decision.reason if found.decision else "",
        found_by_id=found.suggestion.found_by_id if found.suggestion else None,
        what_if=_what_if_address(row) if found.suggestion else None,
        items=len(found.items),
        closed=found.closed,
        results=found.results,
        overturned=found.overturned,
        rungs=tuple(
            _rungs(
                {
                    steps: _Step(
                        items=len(items),
                        results=sum(len(item.cases) for item in items),
                        overturned=sum(item.overturned for item in items),
                        closed=sum(item.closing is not None for item in items),
                    )
                    for steps, items in found.by_steps().items()
                }
            )
        ),
        customers=tuple(
            CustomerList(
                customer_id=customer_id,
                name=_named(found.customers[customer_id]) if customer_id else None,
                is_told=_told_on(items) is not None,
                items=tuple(map(_item_row, items)),
            )
            for customer_id, items in found.by_customer().items()
        ),
    )


def _what_if_address(row: RecallRecord) -> str:
    return addresses.what_if(
        row.calibration_id or row.published_id,  # type: ignore[arg-type]  # a checked pair
        last_good_on=row.last_good_on.isoformat(),
        found_on=row.found_on.isoformat(),
        as_found=" ".join(f"{plain(value)}={plain(error)}" for value, error in row.as_found),
        u="" if row.standard_uncertainty is None else f"{row.standard_uncertainty:g}",
    )


def _item_row(one: AffectedItem) -> ItemRow:
    closing = one.closing
    return ItemRow(
        item_id=one.item.id,
        name=Bilingual(zh=one.item.name_zh, en=one.item.name_en),
        serial_number=one.item.serial_number,
        certificate_number=one.certificate_number,
        calibration_id=one.calibration.id,
        steps=one.steps,
        results=len(one.cases),
        overturned=one.overturned,
        is_judged=one.is_judged,
        told_on=_day(one.told_at),
        closed_on=day_of(closing.closed_at) if closing else None,
        closed_by=closing.calibration_id if closing else None,
        statement=closing.statement if closing else None,
    )


def _told_on(items: Sequence[AffectedItem]) -> date | None:
    """Return the day of the last letter, None where something was not told yet."""
    moments = [item.told_at for item in items if item.told_at is not None]
    return day_of(max(moments)) if len(moments) == len(items) else None


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else day_of(moment)


def _standard(found: RecallProgress) -> Bilingual:
    return Bilingual(zh=found.standard.item_name_zh, en=found.standard.item_name_en)


def _named(organization: Organization) -> Bilingual:
    return Bilingual(zh=organization.name_zh, en=organization.name_en)


def _customers(session: TenantSession) -> dict[UUID, Organization]:
    return {row.id: row for row in organization_store.all_of_them(session)}
