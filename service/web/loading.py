"""From rows to views: each function loads what one page shows, in few statements, and returns it.

Nothing is decided about measurement here: that is asked of the packages below.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from certificates.content import CertificateContent, CertificateKind
from certificates.html import render_fragment
from certificates.numbers import normalize_number, normalize_serial_number
from certificates.revisions import Standing
from procedures.conformity import Verdict
from service import answers, due_dates, permissions, public
from service.auth import Actor
from service.catalogue import edition_in_force
from service.clock import day_of
from service.errors import NotFound
from service.intervals import interval_of, results_at_one_point
from service.lookup import LookupKeys
from service.store import calibrations as calibration_store
from service.store import certificates as certificate_store
from service.store import directory
from service.store import items as item_store
from service.store import log as log_store
from service.store import organizations as organization_store
from service.store import people as people_store
from service.store import work_orders as work_order_store
from service.store.directory import Entry
from service.tables.calibrations import Calibration, CalibrationResult
from service.tables.certificates import Certificate
from service.tables.certificates import CertificateFile as FileRow
from service.tables.items import Item
from service.tenancy import GrantedSession, TenantSession
from service.uploads import LARGEST_FILE
from service.web.intervals import interval_section
from service.web.telling import chain_page, decimal, findings_page, level_name
from service.web.views import (
    ActAsPage,
    AuthenticationPage,
    Bilingual,
    CertificateFile,
    CertificatePage,
    CertificateRow,
    CertificateStatus,
    ChainPage,
    DemoOrganization,
    DemoPerson,
    EventRow,
    ExpandedUncertainty,
    FindingsPage,
    FoundItem,
    Frame,
    HomePage,
    ItemPage,
    LoggedRow,
    LookupPage,
    MeasuringInterval,
    PaperRow,
    ToldBreak,
    UnknownCertificatePage,
)
from service.web.viz import DriftPlot, DriftPoint, draw_drift
from service.web.words import WORDS
from service.work_order_states import State
from traceability.drawing import Language
from traceability.graph import Link

FORMATS = ("pdf", "xml", "json", "proof")  # to download; its HTML is the page itself
ROWS_A_PAGE = 50
NARROW = {"width": 352, "height": 260}


def bilingual(row: Any, name: str) -> Bilingual:
    """Return a text that a row has in both languages."""
    return Bilingual(zh=getattr(row, f"{name}_zh"), en=getattr(row, f"{name}_en"))


def frame(session: TenantSession, actor: Actor, *, today: date, demonstration: bool) -> Frame:
    """Return who looks, on which day."""
    person = people_store.get(session, actor.person_id)
    return Frame(
        today=today,
        organization=_organizations(session)[actor.organization_id],
        person=bilingual(person, "name") if person else None,
        demonstration=demonstration,
        logged_in=actor.login_id is not None,
        reads_granted_books=permissions.needed("GET", "regulated-books") in actor.allowed,
    )


def _organizations(session: TenantSession) -> dict[UUID, Bilingual]:
    return {row.id: bilingual(row, "name") for row in organization_store.all_of_them(session)}


# --- Home and look-up --------------------------------------------------------------------------


def home_of_demonstration(engine: Engine, session: TenantSession, *, on: date) -> HomePage:
    """Return the home page with what is worth opening in the book of whoever looks.

    The counts are over all books, each read in its own session.
    """
    plates: list[tuple[str, str]] = []
    events = 0
    organization_ids = directory.organization_ids(engine)
    for organization_id in organization_ids:
        with TenantSession(engine, organization_id, read_only=True) as book:
            plates += item_store.plates(book)
            events += calibration_store.count_made(book)
    return HomePage(
        on=on,
        shared_serial_number=_shared_by_two_makers(plates),
        organizations=len(organization_ids),
        items=len(plates),
        events=events,
        example_line_id=_open_worksheet(session),
        **_examples(session),
    )


def _open_worksheet(session: TenantSession) -> UUID | None:
    """Return an item of a work order that is being measured; None if there is none."""
    on_the_bench = work_order_store.Wanted(states=[State.ASSIGNED])
    listed = work_order_store.listed(session, on_the_bench, limit=1)
    return listed[0].line.id if listed else None


def _shared_by_two_makers(plates: Iterable[tuple[str, str]]) -> str | None:
    makers = Counter(serial_number for serial_number, _maker in set(plates))
    return next((number for number, count in sorted(makers.items()) if count > 1), None)


def _examples(session: TenantSession) -> dict[str, Any]:
    """Return what the newest calibration of a book leads to; its certificate if it has files."""
    newest = calibration_store.newest(session)
    if newest is None or newest.item_id is None:
        return {}
    certificate = certificate_store.of_calibration(session, newest.id)
    readable = certificate and certificate_store.file(session, certificate.id, "json")
    return {
        "example_calibration_id": newest.id,
        "example_item_id": newest.item_id,
        "example_serial_number": item_store.get(session, newest.item_id).serial_number,
        "example_certificate_number": certificate.number if certificate and readable else None,
    }


def lookup_page(
    engine: Engine, keys: LookupKeys, session: TenantSession | None, query: str, *, on: date
) -> LookupPage:
    """Return what the public directory, and the book of whoever looks, hold under a number."""
    named = public.find_by_number(engine, keys, query)
    found = (*directory.find(engine, keys.of_serial_number(query)), *((named,) if named else ()))
    return LookupPage(
        query=query,
        on=on,
        certificates=tuple(
            _certificate_row(entry, on=on, serial_number=query) for entry in dict.fromkeys(found)
        ),
        items=tuple(_found_items(session, query)) if session else (),
    )


def _found_items(session: TenantSession, query: str) -> Iterator[FoundItem]:
    organizations = _organizations(session)
    for typed in dict.fromkeys((query, normalize_serial_number(query))):
        for item in item_store.by_serial_number(session, typed):
            yield FoundItem(
                name=bilingual(item, "name"),
                manufacturer=bilingual(item, "manufacturer"),
                type_designation=item.type_designation,
                serial_number=item.serial_number,
                holder=organizations[item.customer_id or item.organization_id],
                item_id=item.id,
            )


# --- Certificates ------------------------------------------------------------------------------


STATUSES = {
    Standing.NOT_YET_ISSUED: CertificateStatus.NOT_YET_ISSUED,
    Standing.VALID: CertificateStatus.VALID,
    Standing.DUE_SOON: CertificateStatus.DUE_SOON,
    Standing.EXPIRED: CertificateStatus.EXPIRED,
    Standing.AMENDED: CertificateStatus.AMENDED,
    Standing.WITHDRAWN: CertificateStatus.WITHDRAWN,
    Standing.VOIDED: CertificateStatus.VOIDED,
}


def certificate_page(
    engine: Engine,
    keys: LookupKeys,
    session: TenantSession | None,
    number: str,
    *,
    on: date,
    today: date,
    known_at: datetime,
    code: str = "",
) -> CertificatePage | UnknownCertificatePage:
    """Return a certificate: its entry for all; its text, chain and files for who has it."""
    answer = public.look_up(engine, keys, number, on=on, code=code)
    entry, standing = answer.entry, answer.standing
    if entry is None:
        return UnknownCertificatePage(number=answer.number)
    page = CertificatePage(
        row=_certificate_row(
            entry, on=on, serial_number=answer.paper.item.serial_number if answer.paper else None
        ),
        on=on,
        today=today,
        document=None,
        asked=None if normalize_number(number) == entry.number else number,
        code=code,
        code_is_right=answer.code_is_right,
        paper=tuple(_paper_rows(answer.paper)) if answer.paper else (),
        is_demonstration=entry.is_demonstration,
        content_sha256=entry.content_sha256,
        since=standing.since,
        replaced_by=standing.replaced_by,
        logged=tuple(_logged(engine, entry)),
    )
    certificate = _certificate_in(session, entry.number) if session else None
    if session and certificate:
        return _certificate_of_book(session, certificate, page, known_at=known_at)
    return page


def _logged(engine: Engine, entry: Entry) -> Iterator[LoggedRow]:
    for position, event in log_store.events(engine, entry.issuer_id, entry.number):
        yield LoggedRow(event=event.event, on=day_of(event.occurred_at), position=position)


def _paper_rows(content: CertificateContent) -> Iterator[PaperRow]:
    for row in content.results:
        unit = row.expanded_uncertainty_unit or row.unit
        yield PaperRow(
            measurand=bilingual(row, "measurand"),
            nominal=f"{row.nominal} {row.nominal_unit or row.unit}" if row.nominal else "",
            estimate=f"{row.estimate} {row.unit}",
            uncertainty=f"{row.expanded_uncertainty} {unit} (k = {row.coverage_factor})"
            if row.expanded_uncertainty
            else "",
            verdict=row.verdict,
        )
    for item in content.checked_items:
        yield PaperRow(
            measurand=bilingual(item, "name"),
            nominal="",
            estimate=f"{item.value} {item.unit}".strip(),
            uncertainty="",
            verdict=item.verdict,
        )


def _certificate_in(session: TenantSession, number: str) -> Certificate | None:
    with suppress(NotFound):
        return certificate_store.by_number(session, number)
    return None


def _certificate_of_book(
    session: TenantSession, certificate: Certificate, page: CertificatePage, *, known_at: datetime
) -> CertificatePage:
    calibration_id = certificate_store.calibrations_of(session, certificate.id)[0]
    calibration = calibration_store.get(session, calibration_id)
    item = item_store.get(session, calibration.item_id) if calibration.item_id else None
    files = {file.form: file for file in certificate_store.files(session, certificate.id)}
    chain = answers.chain(session, calibration_id, on=None, known_at=known_at)
    amended = certificate.amends_id and certificate_store.get(session, certificate.amends_id)
    return replace(
        page,
        row=replace(
            page.row,
            serial_number=item.serial_number if item else None,
            calibration_id=calibration_id,
            item_id=item.id if item else None,
        ),
        document=_document(files.get("json")),
        files=tuple(
            CertificateFile(format=form, size=len(file.content), sha256=file.sha256)
            for form in FORMATS
            if (file := files.get(form))
        ),
        is_ours=certificate.issuer_id == session.organization_id,
        amends=amended.number if amended else None,
        withdrawal_reason=certificate_store.status(session, certificate.id).reason,
        chain_unbroken=not chain.breaks,
    )


def _document(content: FileRow | None) -> Any:
    if content is None:
        return None
    return render_fragment(CertificateContent.from_mapping(json.loads(content.content)))


def certificate_file(session: TenantSession, number: str, form: str) -> FileRow:
    """Return a certificate of the book as a file.

    Raises:
        NotFound: the book has no such certificate, or not in this form.
    """
    certificate = certificate_store.by_number(session, number)
    file = certificate_store.file(session, certificate.id, form) if form in FORMATS else None
    if file is None:
        raise NotFound(f"{form} of certificate", number)
    return file


def _certificate_row(entry: Entry, *, on: date, serial_number: str | None = None) -> CertificateRow:
    return CertificateRow(
        number=entry.number,
        kind=CertificateKind(entry.kind),
        item_name=bilingual(entry, "item_name"),
        manufacturer=bilingual(entry, "manufacturer"),
        type_designation=entry.type_designation,
        serial_number=serial_number,
        issuer=bilingual(entry, "issuer"),
        issued_on=entry.issued_on,
        valid_until=entry.valid_until,
        status=STATUSES[entry.standing(on).standing],
    )


def authentication_page(verdict: public.Verdict, *, on: date) -> AuthenticationPage:
    """Return what a file turned out to be."""
    answer = verdict.answer
    entry = answer.entry if answer else None
    return AuthenticationPage(
        on=on,
        largest=LARGEST_FILE,
        finding=verdict.finding,
        sha256=verdict.sha256,
        row=_certificate_row(entry, on=on) if entry else None,
        replaced_by=answer.standing.replaced_by if answer else None,
    )


# --- Chains ------------------------------------------------------------------------------------


def chain_of(
    session: TenantSession,
    calibration_id: UUID,
    *,
    on: date,
    known_at: datetime,
    language: Language,
) -> ChainPage:
    """Return the chain of a calibration of the book, with the level of each of its items.

    Raises:
        NotFound: the book has no such calibration.
    """
    chain = answers.chain(session, calibration_id, on=on, known_at=known_at)
    ids = [step.calibration_id for step in chain.walk()]
    levels = calibration_store.levels(session, ids)
    return chain_page(
        chain,
        on=on,
        language=language,
        levels={id_: level_name(level) for id_, level in levels.items()},
    )


# --- Items -------------------------------------------------------------------------------------


def item_page(session: TenantSession, item_id: UUID, *, on: date, known_at: datetime) -> ItemPage:
    """Return an item of the ledger with its history.

    Raises:
        NotFound: the ledger has none of this id.
    """
    item = item_store.get(session, item_id)
    rows = calibration_store.of_item(session, item_id)
    ids = [row.id for row in rows]
    links = {
        link.calibration_id: link
        for link in calibration_store.links_of(session, ids, known_at=known_at)
    }
    results = calibration_store.results(session, *ids)
    due = tuple(one.due for one in due_dates.due_dates_of(session, item_id, on=on))
    due_on = min((one.valid_until for one in due if one.valid_until), default=None)
    holder = _organizations(session)[item.customer_id or item.organization_id]
    return ItemPage(
        item_id=item.id,
        name=bilingual(item, "name"),
        manufacturer=bilingual(item, "manufacturer"),
        type_designation=item.type_designation,
        serial_number=item.serial_number,
        asset_number=item.asset_number,
        holder=holder,
        location=location(item, holder),
        level=level_name(item.level_zh) if item.level_zh else None,
        state=item.status,
        on=on,
        due_on=due_on,
        period_months=item.period_months,
        events=tuple(_events(session, rows, links, results)),
        measuring_interval=_measuring_interval(item),
        accuracy=item.accuracy_text,
        procedure=item.procedure_code,
        procedure_verified=_is_in_catalogue(item.procedure_code, on=on),
        interval=interval_section(interval_of(session, item_id, on=on, known_at=known_at)),
        due=due,
        **_drift(results, links, today=on, due_on=due_on),
    )


def _measuring_interval(item: Item) -> MeasuringInterval | None:
    if item.range_lower is None or item.range_upper is None or item.range_unit is None:
        return None
    return MeasuringInterval(
        lower=decimal(item.range_lower), upper=decimal(item.range_upper), unit=item.range_unit
    )


def location(item: Item, holder: Bilingual) -> str | None:
    """Return where an item stands; that it is at its holder's goes without saying."""
    return " · ".join(part for part in item.location if not holder.zh.startswith(part)) or None


def _is_in_catalogue(code: str | None, *, on: date) -> bool:
    try:
        edition_in_force(code or "", on=on)
    except NotFound:
        return False
    return True


def _events(
    session: TenantSession,
    rows: Sequence[Calibration],
    links: Mapping[UUID, Link],
    results: Iterable[CalibrationResult],
) -> Iterator[EventRow]:
    verdicts = calibration_store.verdicts(session, [row.id for row in rows])
    by_event: defaultdict[UUID, list[CalibrationResult]] = defaultdict(list)
    for result in results:
        by_event[result.calibration_id].append(result)
    for row in rows:
        if row.id in links:
            yield EventRow(
                calibration_id=row.id,
                kind=row.kind,
                performed_on=row.performed_on,
                valid_until=row.valid_until,
                laboratory=bilingual(row, "laboratory"),
                certificate_number=links[row.id].certificate_number,
                procedure=row.procedure_code,
                verdict=Verdict(verdicts[row.id]) if row.id in verdicts else None,
                adjusted=row.is_adjusted,
                expanded_uncertainty=_largest(by_event[row.id]),
            )


def _largest(results: Iterable[CalibrationResult]) -> ExpandedUncertainty | None:
    """Return the largest U that an event reported in one unit, its digits as reported."""
    stated = [
        ExpandedUncertainty(
            value=result.expanded_uncertainty,
            unit=result.unit,
            coverage_factor=decimal(result.coverage_factor),
        )
        for result in results
        if result.expanded_uncertainty is not None and result.coverage_factor is not None
    ]
    units = {one.unit for one in stated}
    return max(stated, key=lambda one: one.value) if len(units) == 1 else None


def _drift(
    results: Iterable[CalibrationResult],
    links: Mapping[UUID, Link],
    *,
    today: date,
    due_on: date | None,
) -> dict[str, Any]:
    """Return the drift plots at the point that most events measured; empty below two events."""
    drawn = results_at_one_point(results, links)
    if len(drawn) < 2:
        return {}
    newest = max(drawn, key=lambda id_: links[id_].performed_on)
    point = drawn[newest][0]
    points = [_drift_point(links[id_].performed_on, found) for id_, found in drawn.items()]
    limit = point.maximum_permissible_error
    plots: dict[str, DriftPlot] = {
        name: draw_drift(points, today=today, limit=limit, due_on=due_on, **size)
        for name, size in (("drift", {}), ("drift_narrow", NARROW))
    }
    return plots | {"drift_unit": point.unit, "drift_at": f"{point.nominal} {point.unit}"}


def _drift_point(on: date, results: Sequence[CalibrationResult]) -> DriftPoint:
    """Return an event's largest error as found, and as left where the item was adjusted."""
    found = [result for result in results if result.stage != "as_left"]
    left = [result for result in results if result.stage == "as_left"]
    worst = max(found or left, key=_size_of_error)
    limit = worst.maximum_permissible_error
    return DriftPoint(
        on=on,
        error=worst.estimate,
        expanded_uncertainty=worst.expanded_uncertainty or Decimal(0),
        coverage_factor=decimal(worst.coverage_factor or 0.0),
        as_left=max(left, key=_size_of_error).estimate if found and left else None,
        conforming=limit is None or abs(worst.estimate) <= limit,
    )


def _size_of_error(result: CalibrationResult) -> Decimal:
    return abs(result.estimate)


# --- Findings ----------------------------------------------------------------------------------


def findings_of(
    engine: Engine,
    session: TenantSession,
    organization_ids: Sequence[UUID],
    *,
    on: date,
    known_at: datetime,
) -> FindingsPage:
    """Return the findings of some books; only what the session's own book holds is linked to."""
    holders_ids = calibration_store.published_ids(session)
    links: dict[UUID, Link] = {}
    names: dict[UUID, Bilingual] = {}
    for organization_id in organization_ids:
        with TenantSession(engine, organization_id, read_only=True) as book:
            for link in calibration_store.own_links(book, known_at=known_at):
                links[link.calibration_id] = _in_holders_ids(link, holders_ids)
            names |= {item.id: bilingual(item, "name") for item in item_store.own(book)}
    mine: set[UUID] = {item.id for item in item_store.own(session)}
    for link in calibration_store.book(session, known_at=known_at):
        mine.add(link.calibration_id)
        told = _in_holders_ids(link, holders_ids)
        links.setdefault(told.calibration_id, told)
    findings = answers.audit_books(engine, organization_ids, on=on, known_at=known_at)
    page = findings_page(findings, links.values(), names, on=on)
    return replace(
        page,
        every_book=len(organization_ids) > 1,
        groups=tuple(
            replace(group, findings=tuple(_linked(told, mine) for told in group.findings))
            for group in page.groups
        ),
    )


def findings_of_granted(session: GrantedSession, *, on: date, known_at: datetime) -> FindingsPage:
    """Return the findings of a book that another organization opened; nothing is linked to."""
    holders_ids = calibration_store.published_ids(session)
    links: dict[UUID, Link] = {}
    for link in calibration_store.book(session, known_at=known_at):
        told = _in_holders_ids(link, holders_ids)
        links.setdefault(told.calibration_id, told)
    names = {item.id: bilingual(item, "name") for item in item_store.own(session)}
    findings = answers.audit_book(session, on=on, known_at=known_at)
    return findings_page(findings, links.values(), names, on=on)


def _in_holders_ids(link: Link, holders_ids: Mapping[UUID, UUID]) -> Link:
    """Return a link of the reference layer, and those it refers to, by their holders' ids."""
    return replace(
        link,
        calibration_id=holders_ids.get(link.calibration_id, link.calibration_id),
        references=tuple(
            replace(used, reference_id=holders_ids.get(used.reference_id, used.reference_id))
            for used in link.references
        ),
    )


def _linked(told: ToldBreak, mine: set[UUID]) -> ToldBreak:
    return replace(
        told,
        calibration_id=told.calibration_id if told.calibration_id in mine else None,
        item_ids=told.item_ids if mine.issuperset(told.item_ids) else (),
    )


# --- People of the demonstration ---------------------------------------------------------------


def act_as_page(engine: Engine, session: TenantSession, current: Actor, *, back: str) -> ActAsPage:
    """Return the people of every organization, each read in its organization's session."""
    kinds, roles = list(WORDS["organization"]), list(WORDS["role"])  # from the top down
    organizations = []
    rows = organization_store.all_of_them(session)
    for row in sorted(rows, key=lambda row: kinds.index(row.kind)):
        with TenantSession(engine, row.id, read_only=True) as book:
            people = [
                DemoPerson(
                    person_id=person.id,
                    name=bilingual(person, "name"),
                    role=person.role,
                    current=person.id == current.person_id,
                )
                for person in people_store.of_organization(book)
            ]
        people.sort(key=lambda person: roles.index(person.role))
        organizations.append(
            DemoOrganization(name=bilingual(row, "name"), kind=row.kind, people=tuple(people))
        )
    return ActAsPage(organizations=tuple(organizations), back=back)


def actor_named(engine: Engine, person_id: UUID) -> Actor:
    """Return a person of any organization as somebody who acts.

    Raises:
        NotFound: no organization has a person of this id.
    """
    for organization_id in directory.organization_ids(engine):
        with TenantSession(engine, organization_id, read_only=True) as book:
            if people_store.get(book, person_id):
                return Actor(organization_id, person_id)
    raise NotFound("person", person_id)
