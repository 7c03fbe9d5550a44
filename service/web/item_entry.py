"""One item of the ledger as a form: entered, or changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.errors import StaleVersion
from service.exchange import ledger_entry
from service.exchange.ledger_columns import BY_NAME, LONGEST_TEXT
from service.exchange.ledger_entry import FIELDS, MPE, MPE_OF, THERE, Entry
from service.exchange.ledger_plan import RowAnswer
from service.store import items as item_store
from service.store import procedures
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.ledger import LEVELS, STATES, Candidate
from service.web.loading import bilingual
from service.web.views import Bilingual

router = APIRouter(include_in_schema=False)

KINDS = ("measuring_instrument", "measuring_system", "material_measure", "measurement_standard",
         "reference_material")  # fmt: skip
NEW = {"kind": "measuring_instrument", "status": "in_use", "is_mandatory": "false",
       "is_carbon_meter": "false", MPE[1]: "absolute"}  # fmt: skip
LONGEST = LONGEST_TEXT + 1  # one more, so that what is too long is refused and not cut


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEntryPage:
    """The form of an item.

    Attributes:
        item: its id and name; None for a new one.
        typed: each field as text, as held or as just typed.
        seen: the version that the form shows; "" for a new item.
        wrong: what was refused, the field first; None where no one field is meant.
        candidates: the items that a new one might be.
        is_stale: whether somebody changed the item meanwhile.
    """

    item: tuple[UUID, Bilingual] | None
    typed: Mapping[str, str]
    seen: str
    procedures: tuple[str, ...]
    quantities: tuple[str, ...]
    wrong: tuple[RowAnswer, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    is_stale: bool = False
    labels: Mapping[str, Bilingual] = field(
        default_factory=lambda: (
            {name: Bilingual(zh=BY_NAME[name].zh, en=BY_NAME[name].en) for name in (*FIELDS, "id")}
            | {MPE[0]: Bilingual(zh="最大允许误差", en="Maximum permissible error")}
        )
    )
    kinds: tuple[str, ...] = KINDS
    states: tuple[str, ...] = STATES
    levels: tuple[str, ...] = LEVELS
    mpe_of: tuple[str, ...] = MPE_OF
    longest: int = LONGEST

    @property
    def may_be_another(self) -> bool:
        """Whether what was refused may still be entered, as another item."""
        return bool(self.candidates) and all(answer.code != THERE for answer in self.wrong)

    def is_wrong(self, name: str) -> bool:
        """Whether a field was refused."""
        return any(answer.column == name for answer in self.wrong)


TEMPLATES[ItemEntryPage] = "item_entry.html"


async def _form(request: Request) -> FormData:
    return await request.form(max_files=0, max_fields=50)


Form = Annotated[FormData, Depends(_form)]


@router.get(addresses.NEW_ITEM_ROUTE)
def show_new(request: Request, session: Reading) -> HTMLResponse:
    """Show the form of a new item."""
    return render_page(request, _page(session, None, NEW, ""))


@router.post(addresses.NEW_ITEM_ROUTE)
def enter_item(
    request: Request, session: Transaction, actor: Acting, now: Now, form: Form
) -> Response:
    """Enter an item, or say what stands against it."""
    typed = _typed(form)
    entry = ledger_entry.enter(
        session, typed, is_another=bool(form.get("is_another")), actor_id=actor.person_id, now=now
    )
    if entry.item_id is not None:
        return RedirectResponse(addresses.item(entry.item_id), 303)
    return render_page(request, _page(session, None, typed, "", entry), status=422)


@router.get(addresses.ITEM_ENTRY_ROUTE)
def show_entry(request: Request, session: Reading, item_id: UUID) -> HTMLResponse:
    """Show the form of an item."""
    typed = ledger_entry.typed_of(session, item_id)
    seen = ledger_entry.version_of(session, item_id)
    return render_page(request, _page(session, item_id, typed, seen))


@router.post(addresses.ITEM_ENTRY_ROUTE)
def change_item(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    item_id: UUID,
    form: Form,
) -> Response:
    """Change an item, or say what stands against it."""
    typed, seen, is_stale = _typed(form), str(form.get("seen", "")), False
    try:
        entry = ledger_entry.change(
            session, item_id, typed, seen=seen, actor_id=actor.person_id, now=now
        )
    except StaleVersion as error:
        entry, seen, is_stale = Entry(), error.current, True
    if entry.item_id is not None:
        return RedirectResponse(addresses.item(item_id), 303)
    page = _page(session, item_id, typed, seen, entry, is_stale=is_stale)
    return render_page(request, page, status=412 if is_stale else 422)


def _typed(form: FormData) -> dict[str, str]:
    return {name: str(form.get(name, ""))[:LONGEST] for name in (*FIELDS, *MPE)}


def _page(
    session: TenantSession,
    item_id: UUID | None,
    typed: Mapping[str, str],
    seen: str,
    entry: Entry | None = None,
    *,
    is_stale: bool = False,
) -> ItemEntryPage:
    found = item_store.by_ids(session, entry.candidates) if entry else {}
    return ItemEntryPage(
        item=(item_id, bilingual(item_store.get(session, item_id), "name")) if item_id else None,
        typed=typed,
        seen=seen,
        procedures=tuple(sorted({kept.edition.code for kept in procedures.all_of_them(session)})),
        quantities=tuple(item_store.quantities(session)),
        wrong=entry.answers if entry else (),
        candidates=tuple(
            Candidate(
                item_id=item.id,
                name=bilingual(item, "name"),
                asset_number=item.asset_number,
                serial_number=item.serial_number,
            )
            for item in found.values()
        ),
        is_stale=is_stale,
    )
