"""The audit log as a page: who did what, when, and whether its seals hold."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from service import audit
from service.audit import BrokenEntry
from service.auth import Reading
from service.clock import LEGAL_TIME, AskedDay
from service.store import audit as store
from service.store import people as people_store
from service.tables.operations import AuditEntry
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.loading import bilingual
from service.web.views import Bilingual

router = APIRouter(include_in_schema=False)

ENTRIES_A_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """One entry; `actor` None: neither a person of the book nor a regulator's who read in it."""

    position: int
    recorded_at: datetime
    actor: Bilingual | None
    action: str
    subject_id: UUID
    said: tuple[tuple[str, str], ...]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLogPage:
    """One page of the audit log, the newest first; `broken` is the first entry that is not whole.

    `next_before` leads to older entries; None: there are none.
    """

    rows: tuple[EntryRow, ...]
    action: str
    by: UUID | None
    until: date | None
    people: tuple[tuple[UUID, Bilingual], ...]
    broken: BrokenEntry | None
    checked: bool
    next_before: int | None

    def older(self) -> str:
        """Return the address of the entries before these."""
        asked = {"before": self.next_before, "action": self.action, "by": self.by,
                 "until": self.until}  # fmt: skip
        given = {name: value for name, value in asked.items() if value}
        return f"{addresses.AUDIT_LOG_ROUTE}?{urlencode(given)}"


TEMPLATES[AuditLogPage] = "audit_log.html"


@router.get(addresses.AUDIT_LOG_ROUTE)
def show_audit_log(
    request: Request,
    session: Reading,
    action: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    by: UUID | Literal[""] = "",
    until: AskedDay | Literal[""] = "",
    *,
    check: bool = False,
) -> HTMLResponse:
    """Show who did what until a day, the newest first; `check` computes every seal anew."""
    rows = store.newest(
        session,
        before=before,
        actor_id=by or None,
        action=action.strip(),
        until=_end(until) if until else None,
        limit=ENTRIES_A_PAGE + 1,
    )
    people = {person.id: bilingual(person, "name")
              for person in people_store.of_organization(session)}  # fmt: skip
    page = AuditLogPage(
        rows=tuple(
            EntryRow(
                position=row.position,
                recorded_at=row.recorded_at,
                actor=people.get(row.actor_id) or _reader(row),
                action=row.action,
                subject_id=row.subject_id,
                said=tuple(sorted((name, str(value)) for name, value in row.said.items())),
                sha256=row.sha256,
            )
            for row in rows[:ENTRIES_A_PAGE]
        ),
        action=action.strip(),
        by=by or None,
        until=until or None,
        people=tuple(people.items()),
        broken=audit.first_broken(store.chain(session)) if check else None,
        checked=check,
        next_before=rows[ENTRIES_A_PAGE - 1].position if len(rows) > ENTRIES_A_PAGE else None,
    )
    return render_page(request, page)


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=LEGAL_TIME)


def _reader(row: AuditEntry) -> Bilingual | None:
    """Return who read the book by a grant; None for any other entry."""
    if "reader_zh" not in row.said:
        return None
    return Bilingual(zh=row.said["reader_zh"], en=row.said["reader_en"])
