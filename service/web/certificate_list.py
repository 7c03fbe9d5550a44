"""The page of a book's certificates, issued and received, and where each stands."""

import csv
from dataclasses import dataclass, replace
from datetime import date
from io import StringIO
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from certificates.content import CertificateKind
from certificates.revisions import Standing
from service.auth import Reading
from service.clock import AskedDay, Today, day_of
from service.store import certificate_list as store
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.i18n import language_of
from service.web.loading import ROWS_A_PAGE, bilingual
from service.web.pages import _cell as cell
from service.web.views import Bilingual, CertificateStatus

router = APIRouter(include_in_schema=False)

PLAIN = {
    "q": "", "kind": "", "standing": "", "issuer": "", "first": "", "last": "",
    "sort": "issued", "descending": "1", "page": "1",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFilter:
    """What the reader asked for; it is the query string of the page and of its CSV.

    Attributes:
        kind, standing: a value of `CertificateKind`, of `Standing`; "" for all.
        issuer: "own" for those that this organization issued, "others" for those it received.
        first, last: the days of issue, both included.
        sort: issued, number, item_zh, item_en or until; `descending` turns it round.
    """

    text: str = ""
    kind: str = ""
    standing: str = ""
    issuer: str = ""
    first: date | None = None
    last: date | None = None
    sort: str = "issued"
    descending: bool = True
    page: int = 1

    def address(self, **changes: Any) -> str:
        """Return where the list is with some of it asked otherwise; `csv` for a spreadsheet."""
        csv_wanted = changes.pop("csv", False)
        asked = replace(self, **({"page": 1} | changes))
        if changes.get("sort") == self.sort:
            asked = replace(asked, descending=not self.descending)
        elif "sort" in changes:
            asked = replace(asked, descending=changes["sort"] in ("issued", "until"))
        query = {
            "q": asked.text,
            "kind": asked.kind,
            "standing": asked.standing,
            "issuer": asked.issuer,
            "first": str(asked.first or ""),
            "last": str(asked.last or ""),
            "sort": asked.sort,
            "descending": "1" if asked.descending else "0",
            "page": str(asked.page),
        }
        given = {name: value for name, value in query.items() if value != PLAIN[name]}
        path = addresses.CERTIFICATES_CSV_ROUTE if csv_wanted else addresses.CERTIFICATES_ROUTE
        return path + (f"?{urlencode(given)}" if given else "")

    def of_store(self, language: str) -> store.Asked:
        """Return the same as the store is asked it."""
        return store.Asked(
            text=self.text,
            kind=self.kind,
            standing=Standing(self.standing) if self.standing else None,
            is_own=None if not self.issuer else self.issuer == "own",
            first=self.first,
            last=self.last,
            sort=f"item_{language}" if self.sort == "item" else self.sort,
            descending=self.descending,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """One item that a certificate tells of, and where the certificate stands today."""

    number: str
    kind: str
    item_id: UUID
    item: Bilingual
    serial_number: str
    laboratory: Bilingual
    is_own: bool
    issued_on: date
    valid_until: date | None
    status: CertificateStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatesPage:
    """The list. `rows` are those of one page."""

    filter: CertificateFilter
    rows: tuple[CertificateLine, ...]
    matching: int
    pages: int
    on: date
    kinds: tuple[str, ...] = tuple(CertificateKind)
    standings: tuple[str, ...] = tuple(store.STANDINGS)


TEMPLATES[CertificatesPage] = "certificates.html"


def _asked(
    q: Annotated[str, Query(max_length=100)] = "",
    kind: CertificateKind | Literal[""] = "",
    standing: Standing | Literal[""] = "",
    issuer: Literal["", "own", "others"] = "",
    first: AskedDay | Literal[""] = "",
    last: AskedDay | Literal[""] = "",
    sort: Literal["issued", "number", "item", "until"] = "issued",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    *,
    descending: bool = True,
) -> CertificateFilter:
    return CertificateFilter(
        text=q.strip(),
        kind=str(kind),
        standing=str(standing),
        issuer=issuer,
        first=first or None,
        last=last or None,
        sort=sort,
        descending=descending,
        page=page,
    )


Wanted = Annotated[CertificateFilter, Depends(_asked)]


@router.get(addresses.CERTIFICATES_ROUTE)
def show_certificates(
    request: Request, session: Reading, today: Today, wanted: Wanted
) -> HTMLResponse:
    """Show the certificates of the book, filtered and sorted as asked."""
    asked = wanted.of_store(language_of(request))
    matching = store.count(session, asked, on=today)
    pages = max(1, -(-matching // ROWS_A_PAGE))
    page = min(wanted.page, pages)
    found = store.listed(
        session, asked, on=today, limit=ROWS_A_PAGE, offset=(page - 1) * ROWS_A_PAGE
    )
    view = CertificatesPage(
        filter=replace(wanted, page=page),
        rows=tuple(_line(row, today) for row in found),
        matching=matching,
        pages=pages,
        on=today,
    )
    return render_page(request, view)


@router.get(addresses.CERTIFICATES_CSV_ROUTE)
def download_certificates(
    request: Request, session: Reading, today: Today, wanted: Wanted
) -> Response:
    """Send the list as it was asked for, all its pages, as CSV for a spreadsheet."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["number", "kind", "name_zh", "name_en", "serial_number", "laboratory_zh",
         "laboratory_en", "issued_on", "valid_until", "status"]
    )  # fmt: skip
    for found in store.listed(session, wanted.of_store(language_of(request)), on=today):
        row = _line(found, today)
        told = (row.item.zh, row.item.en, row.serial_number, row.laboratory.zh, row.laboratory.en)
        writer.writerow([cell(row.number), row.kind, *map(cell, told), row.issued_on,
                         row.valid_until, row.status.value])  # fmt: skip
    return Response(
        text.getvalue().encode("utf-8-sig"),  # or a spreadsheet misreads Chinese
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="certificates-{today}.csv"'},
    )


def _line(found: store.Listed, on: date) -> CertificateLine:
    row = found.certificate
    return CertificateLine(
        number=row.number,
        kind=row.kind,
        item_id=found.item.id,
        item=bilingual(found.item, "name"),
        serial_number=found.item.serial_number,
        laboratory=bilingual(found.calibration, "laboratory"),
        is_own=row.issuer_id == row.organization_id,
        issued_on=day_of(row.issued_at),
        valid_until=found.calibration.valid_until,
        status=CertificateStatus(found.standing(on).value.replace("_", " ")),
    )
