"""The ledger as a whole: taken out as a file, kept in step with another system's."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from service.api.imports import FILES, Counts
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today
from service.errors import InvalidField, LedgerRefused
from service.exchange import ledger_import
from service.exchange.ledger_columns import LAYOUTS
from service.exchange.ledger_files import MEDIA_TYPES, Form, layouts_told, write_ledger
from service.exchange.ledger_plan import MatchBy, Outcome, Plan
from service.store import ledger as store

router = APIRouter(prefix="/ledger", tags=["ledger"])

MOST_ITEMS = 5000  # of one synchronization
LONGEST = 2000  # letters a value


class LayoutAnswer(SQLModel):
    """A form that a ledger may come and go in; `unverified` is what of it nobody could read."""

    name: str
    title: str | None
    unverified: str | None
    columns: list[str]


class Synchronization(SQLModel):
    """Items as another system has them, each column as text; a column left out says nothing.

    The columns are those of the layout `generic`, by the names of this API.
    """

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]

    match_by: MatchBy
    all_or_nothing: bool = False
    items: Annotated[
        list[dict[str, Annotated[str, Field(max_length=LONGEST)] | None]],
        Field(
            min_length=1,
            max_length=MOST_ITEMS,
            examples=[[{"asset_number": "TPP-0042", "name_zh": "压力表",
                        "serial_number": "0083105", "range_text": "(0~1.6)MPa",
                        "period_months": "6"}]],
        ),
    ]  # fmt: skip


class ItemProblem(SQLModel):
    """What is to be said of an item that was not simply written; `pointer` is into the request."""

    pointer: str
    outcome: Outcome
    code: str
    detail: str
    candidates: list[UUID]


class SynchronizationAnswer(SQLModel):
    """What a synchronization did. `import_id` is what keeps it, where it changed something."""

    counts: Counts
    problems: list[ItemProblem]
    import_id: UUID | None


@router.get("", response_class=Response, responses=FILES)
def export_ledger(
    session: Reading,
    today: Today,
    layout: Annotated[str, Query(description="See `/v1/ledger/layouts`.")] = "generic",
    form: Literal["csv", "xlsx"] = "csv",
) -> Response:
    """Return the own ledger as a file that can be handed in again, unchanged."""
    return ledger_file(session, today, layout, form)


def ledger_file(session: Reading, today: Today, layout: str, form: Form) -> Response:
    """Return the ledger in a layout as a file."""
    if layout not in LAYOUTS:
        raise InvalidField("/layout", f"one of {', '.join(LAYOUTS)}")
    content = write_ledger(
        store.held(session), store.in_force(session), layout=LAYOUTS[layout], form=form
    )
    name = f"ledger-{layout}-{today}.{form}"
    return Response(
        content,
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/layouts")
def list_layouts() -> list[LayoutAnswer]:
    """Return the forms that a ledger may come and go in, with their columns."""
    return [LayoutAnswer(**told) for told in layouts_told()]


@router.patch("")
def synchronize_ledger(
    session: Transaction, actor: Acting, now: Now, body: Synchronization
) -> SynchronizationAnswer:
    """Create and change up to 5,000 items by their key; said again, it changes nothing.

    Items that are ambiguous or malformed are left as they are and told of, one by one; with
    `all_or_nothing` one such item refuses all.
    """
    plan, import_id = ledger_import.upsert(
        session,
        body.items,
        match_by=body.match_by,
        all_or_nothing=body.all_or_nothing,
        actor_id=actor.person_id,
        now=now,
    )
    if body.all_or_nothing and plan.answers:
        raise LedgerRefused([(pointer_of(a.row, a.column), a.code, a.reason)
                             for a in plan.answers])  # fmt: skip
    return SynchronizationAnswer(
        counts=Counts(**plan.counts), problems=_problems(plan), import_id=import_id
    )


def _problems(plan: Plan) -> list[ItemProblem]:
    return [
        ItemProblem(
            pointer=pointer_of(answer.row, answer.column),
            outcome=answer.outcome,
            code=answer.code,
            detail=answer.reason,
            candidates=[UUID(candidate) for candidate in answer.candidates],
        )
        for answer in plan.answers
    ]


def pointer_of(row: int, column: str | None) -> str:
    """Return where in the request an item, or a value of it, stands."""
    return f"/items/{row}" + (f"/{column}" if column else "")
