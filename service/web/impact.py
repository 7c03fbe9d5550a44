"""The impact of a calibration: how much rests on it, level by level, and on which items."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from service import networks
from service.auth import Reading
from service.clock import Now, Today
from service.networks import Dependent, Dependents, Standing
from service.web.frame import TEMPLATES, render_page
from service.web.loading import ROWS_A_PAGE
from service.web.pages import _cell as cell
from service.web.telling import item_name, laboratory
from service.web.views import Bilingual, CertificateStatus

router = APIRouter(include_in_schema=False)

IMPACT_ROUTE = "/calibrations/{calibration_id}/impact"
IMPACT_CSV_ROUTE = "/calibrations/{calibration_id}/impact.csv"

STATUS = {
    Standing.VALID: CertificateStatus.VALID,
    Standing.EXPIRED: CertificateStatus.EXPIRED,
    Standing.SUPERSEDED: CertificateStatus.AMENDED,
    Standing.WITHDRAWN: CertificateStatus.WITHDRAWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One level of the ladder; `part` of the fullest one, in (0, 1]."""

    level: int
    calibrations: int
    counts: dict[CertificateStatus, int]
    part: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedItem:
    """An item of which a calibration rests on the one looked at, by the newest of these.

    Attributes:
        item_id, calibration_id: None where only the reference layer holds it, so that no page
            of ours tells of it.
        is_in_force: whether the item relies on that calibration on the day.
        calibrations: how many of its calibrations rest on it.
    """

    name: Bilingual
    laboratory: Bilingual
    item_id: UUID | None
    calibration_id: UUID | None
    level: int
    certificate_number: str | None
    performed_on: date
    valid_until: date | None
    status: CertificateStatus
    is_in_force: bool
    calibrations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactPage:
    """What rests on a calibration on a day. `items` are those of one page of the list."""

    calibration_id: UUID
    name: Bilingual
    laboratory: Bilingual
    certificate_number: str | None
    performed_on: date
    on: date
    rungs: tuple[Rung, ...]
    items: tuple[AffectedItem, ...]
    matching: int
    relying: int
    page: int
    pages: int

    def address(self, *, page: int = 1, csv: bool = False) -> str:
        """Return the address of another page of the list, or of all of it as CSV."""
        path = f"/calibrations/{self.calibration_id}/impact{'.csv' if csv else ''}?on={self.on}"
        return path + (f"&page={page}" if page > 1 else "")


TEMPLATES[ImpactPage] = "impact.html"


def impact_of_calibration(calibration_id: UUID, on: date | None = None) -> str:
    """Return the address of the page of what rests on a calibration."""
    return f"/calibrations/{calibration_id}/impact" + (f"?on={on}" if on else "")


@router.get(IMPACT_CSV_ROUTE)
def download_impact(
    session: Reading, today: Today, now: Now, calibration_id: UUID, on: date | None = None
) -> Response:
    """Send every affected item as CSV for a spreadsheet."""
    found = networks.dependents(session, calibration_id, on=on or today, known_at=now)
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["name_zh", "name_en", "laboratory_zh", "certificate_number", "steps_below",
         "performed_on", "valid_until", "status", "is_in_force", "calibrations"]
    )  # fmt: skip
    for row in affected_items(found.dependents):
        told = (row.name.zh, row.name.en, row.laboratory.zh, row.certificate_number)
        writer.writerow(
            [*map(cell, told), row.level, row.performed_on, row.valid_until, row.status.value,
             row.is_in_force, row.calibrations]
        )  # fmt: skip
    return Response(
        text.getvalue().encode("utf-8-sig"),  # or a spreadsheet misreads Chinese
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="impact-{found.on}.csv"'},
    )


@router.get(IMPACT_ROUTE)
def show_impact(
    request: Request,
    session: Reading,
    today: Today,
    now: Now,
    calibration_id: UUID,
    on: date | None = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """Show what rests on a calibration on a day: a ladder of counts, then the items."""
    found = networks.dependents(session, calibration_id, on=on or today, known_at=now)
    view = impact_page(found, page=page)
    return render_page(request, view)


def impact_page(found: Dependents, *, page: int) -> ImpactPage:
    """Return one page of what rests on a calibration."""
    items = list(affected_items(found.dependents))
    pages = max(1, -(-len(items) // ROWS_A_PAGE))
    page = min(page, pages)
    return ImpactPage(
        calibration_id=found.root.calibration_id,
        name=item_name(found.root),
        laboratory=laboratory(found.root),
        certificate_number=found.root.certificate_number,
        performed_on=found.root.performed_on,
        on=found.on,
        rungs=tuple(_rungs(found)),
        items=tuple(items[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE]),
        matching=len(items),
        relying=sum(item.is_in_force for item in items),
        page=page,
        pages=pages,
    )


def affected_items(dependents: Iterable[Dependent]) -> Iterator[AffectedItem]:
    """Yield the items among dependents, the nearest first; a cited calibration is one by itself."""
    by_item: dict[UUID, list[Dependent]] = {}
    for one in dependents:
        by_item.setdefault(one.link.item_id or one.link.calibration_id, []).append(one)
    for own in sorted(by_item.values(), key=_nearest):
        newest = max(own, key=lambda one: (one.is_in_force, one.link.performed_on))
        link = newest.link
        yield AffectedItem(
            name=item_name(link),
            laboratory=laboratory(link),
            item_id=None if newest.is_published else link.item_id,
            calibration_id=None if newest.is_published else link.calibration_id,
            level=min(one.level for one in own),
            certificate_number=link.certificate_number,
            performed_on=link.performed_on,
            valid_until=link.valid_until,
            status=STATUS[newest.standing],
            is_in_force=newest.is_in_force,
            calibrations=len(own),
        )


def _nearest(own: list[Dependent]) -> tuple[int, str]:
    return min(one.level for one in own), own[0].link.item_name_zh


def _rungs(found: Dependents) -> Iterator[Rung]:
    counts = found.counts()
    fullest = max((sum(row.values()) for row in counts.values()), default=1)
    for level, row in sorted(counts.items()):
        yield Rung(
            level=level,
            calibrations=sum(row.values()),
            counts={STATUS[standing]: count for standing, count in row.items()},
            part=sum(row.values()) / fullest,
        )
