"""Reading calibrations, in one book and in the reference layer behind it."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Select, and_, func, literal, null
from sqlalchemy import select as select_columns  # sqlmodel's stops at four columns
from sqlmodel import SQLModel, col, or_, select

from service.errors import NotFound
from service.store.organizations import with_authorisation, with_confirmed_ends
from service.tables.calibrations import (
    Calibration,
    CalibrationFacts,
    CalibrationReference,
    CalibrationResult,
    CalibrationSupersession,
    ConformityStatementRecord,
    OriginalRecord,
    Publication,
    ReferenceFacts,
    ResultInfluence,
    UncertaintyBudgetRecord,
)
from service.tables.certificates import Certificate, CertificateCalibration
from service.tables.published import (
    PublishedCalibration,
    PublishedReference,
    PublishedSupersession,
)
from service.tenancy import TenantSession
from traceability.graph import (
    MAIN_TRACK,
    Link,
    MeasuringInterval,
    Reference,
    UncertaintyStatement,
)

FACTS = tuple(CalibrationFacts.model_fields)
EDGE = tuple(name for name in ReferenceFacts.model_fields if not name.startswith("interval_"))
EDGE_INTERVAL = ("interval_lower", "interval_upper", "interval_unit")


def get(session: TenantSession, calibration_id: UUID) -> Calibration:
    """Return one calibration of the book.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(Calibration, (session.organization_id, calibration_id))
    if row is None:
        raise NotFound("calibration", calibration_id)
    return row


def ancestry(session: TenantSession, calibration_id: UUID, *, known_at: datetime) -> list[Link]:
    """Return a calibration and all behind it as known at a moment, in one statement.

    A published calibration stands under its own id of the reference layer.

    Raises:
        NotFound: the book has none of this id, or had none by then.
    """
    links = ancestry_of_all(session, [calibration_id], known_at=known_at)
    if not any(link.calibration_id == calibration_id for link in links):
        raise NotFound("calibration", calibration_id)
    return links


def ancestry_of_all(
    session: TenantSession, calibration_ids: Sequence[UUID], *, known_at: datetime
) -> list[Link]:
    """Return calibrations of the book and all behind any of them, in one statement."""
    # No "is not null" here: SQLite would answer it by walking the whole book. NULL joins nothing.
    edge, published_edge = CalibrationReference, PublishedReference
    own = (
        select(col(Calibration.id))
        .where(col(Calibration.id).in_(calibration_ids))
        .cte(recursive=True)
    )
    own = own.union(select(col(edge.reference_id)).join(own, col(edge.calibration_id) == own.c.id))
    published = (
        select(col(edge.published_id).label("id"))
        .join(own, col(edge.calibration_id) == own.c.id)
        .cte(recursive=True)
    )
    published = published.union(
        select(col(published_edge.reference_id)).join(
            published, col(published_edge.calibration_id) == published.c.id
        )
    )
    return with_authorisation(
        session,
        links_from(
            session,
            book_links(known_at).where(is_in(Calibration.id, own)),
            layer_links(known_at).where(is_in(PublishedCalibration.id, published)),
        ),
    )


def book(session: TenantSession, *, known_at: datetime) -> list[Link]:
    """Return every calibration of the book and of the reference layer, as known at a moment."""
    return with_authorisation(
        session, links_from(session, book_links(known_at), layer_links(known_at))
    )


def links_of(session: TenantSession, ids: Iterable[UUID], *, known_at: datetime) -> list[Link]:
    """Return some calibrations of the book, without what lies behind them."""
    return links_from(session, book_links(known_at).where(col(Calibration.id).in_(ids)))


def in_force(
    session: TenantSession, item_id: UUID, *, on: date, known_at: datetime
) -> Calibration | None:
    """Return the calibration of an item in force on a date, by what was known at a moment.

    Of its main track the newest that has not ended or expired; None if that is a verification
    that failed, for what was valid before it no longer is.
    """
    end = CalibrationSupersession
    ended = and_(col(end.calibration_id) == Calibration.id, col(end.superseded_at) <= known_at)
    newest = session.exec(
        select(Calibration)
        .outerjoin(end, ended)
        .where(Calibration.item_id == item_id, Calibration.performed_on <= on)
        .where(Calibration.track == MAIN_TRACK)
        .where(Calibration.recorded_at <= known_at, col(end.calibration_id).is_(None))
        .where(or_(col(Calibration.valid_until).is_(None), col(Calibration.valid_until) >= on))
        .order_by(col(Calibration.performed_on).desc(), col(Calibration.id).desc())
        .limit(1)
    ).first()
    if newest is None:
        return None
    verdicts = {row.verdict for row in conformity_statements(session, newest.id)}
    return None if "fail" in verdicts else newest


def page_with_ends(
    session: TenantSession,
    *,
    after: UUID | None,
    limit: int,
    updated_since: datetime | None = None,
    item_id: UUID | None = None,
) -> Sequence[tuple[Calibration, CalibrationSupersession | None]]:
    """Return so many calibrations of the book after the one of an id, by id, each with its end."""
    end = CalibrationSupersession
    statement = (
        select(Calibration, end)
        .outerjoin(end, col(end.calibration_id) == Calibration.id)
        .order_by(col(Calibration.id))
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(col(Calibration.id) > after)
    if updated_since is not None:
        statement = statement.where(
            or_(col(Calibration.recorded_at) >= updated_since,
                col(end.superseded_at) >= updated_since)
        )  # fmt: skip
    if item_id is not None:
        statement = statement.where(Calibration.item_id == item_id)
    return session.exec(statement).all()


def of_item(session: TenantSession, item_id: UUID) -> Sequence[Calibration]:
    """Return the calibrations of an item, newest first."""
    newest_first = (col(Calibration.performed_on).desc(), col(Calibration.id).desc())
    return session.exec(
        select(Calibration).where(Calibration.item_id == item_id).order_by(*newest_first)
    ).all()


def page(session: TenantSession, *, after: UUID | None, limit: int) -> Sequence[Calibration]:
    """Return so many calibrations of the book after the one of an id, by id."""
    statement = select(Calibration).order_by(col(Calibration.id)).limit(limit)
    if after is not None:
        statement = statement.where(col(Calibration.id) > after)
    return session.exec(statement).all()


def of_items(session: TenantSession, item_ids: Iterable[UUID]) -> Sequence[Calibration]:
    """Return the calibrations of some items, oldest first."""
    return session.exec(
        select(Calibration)
        .where(col(Calibration.item_id).in_(item_ids))
        .order_by(col(Calibration.performed_on), col(Calibration.id))
    ).all()


def results(session: TenantSession, *calibration_ids: UUID) -> Sequence[CalibrationResult]:
    """Return the results of calibrations, each calibration's in their order."""
    return session.exec(
        select(CalibrationResult)
        .where(col(CalibrationResult.calibration_id).in_(calibration_ids))
        .order_by(col(CalibrationResult.calibration_id), col(CalibrationResult.position))
    ).all()


def references(session: TenantSession, calibration_id: UUID) -> Sequence[CalibrationReference]:
    """Return the edges of a calibration, in their order."""
    edge = CalibrationReference
    return session.exec(
        select(edge).where(edge.calibration_id == calibration_id).order_by(col(edge.position))
    ).all()


def influences(session: TenantSession, result_ids: Iterable[UUID]) -> Sequence[ResultInfluence]:
    """Return the components of results."""
    return session.exec(
        select(ResultInfluence).where(col(ResultInfluence.result_id).in_(result_ids))
    ).all()


def direction(session: TenantSession, calibration_id: UUID) -> dict[UUID, float]:
    """Return the components of a calibration's first result by influence; none known, empty."""
    first = (
        select(CalibrationResult.id)
        .where(CalibrationResult.calibration_id == calibration_id, CalibrationResult.position == 0)
        .scalar_subquery()
    )
    rows = session.exec(select(ResultInfluence).where(ResultInfluence.result_id == first))
    return {row.influence_id: row.component for row in rows}


def conformity_statements(
    session: TenantSession, calibration_id: UUID
) -> Sequence[ConformityStatementRecord]:
    """Return what was stated of a calibration's conformity, the oldest first."""
    return session.exec(
        select(ConformityStatementRecord)
        .where(ConformityStatementRecord.calibration_id == calibration_id)
        .order_by(col(ConformityStatementRecord.stated_at))
    ).all()


def original_record(session: TenantSession, calibration_id: UUID) -> OriginalRecord | None:
    """Return the readings behind a calibration; None where the book does not hold them."""
    return session.get(OriginalRecord, (session.organization_id, calibration_id))


def budget(session: TenantSession, result_id: UUID) -> UncertaintyBudgetRecord | None:
    """Return the uncertainty budget behind a result; None where the book does not hold it."""
    return session.get(UncertaintyBudgetRecord, (session.organization_id, result_id))


def supersession(session: TenantSession, calibration_id: UUID) -> CalibrationSupersession | None:
    """Return how a calibration of the book ended; None while it stands."""
    return session.get(CalibrationSupersession, (session.organization_id, calibration_id))


def is_used(session: TenantSession, calibration_id: UUID) -> bool:
    """Return whether a calibration of the book was made against this one, or it is published."""
    edge = CalibrationReference
    used = session.exec(
        select(edge.calibration_id).where(edge.reference_id == calibration_id).limit(1)
    ).first()
    return used is not None or publication(session, calibration_id) is not None


def publication(session: TenantSession, calibration_id: UUID) -> Publication | None:
    """Return under which id a calibration of the book is published; None if it is not."""
    return session.get(Publication, (session.organization_id, calibration_id))


def published_ids(session: TenantSession) -> dict[UUID, UUID]:
    """Return the calibration id of its holder's book for each id of the reference layer."""
    rows = session.exec(select(PublishedCalibration.id, PublishedCalibration.calibration_id))
    return dict(rows.all())


def is_in(column: Any, nodes: CTE) -> ColumnElement[bool]:
    """Return the condition that an id is among those a recursion reached."""
    return col(column).in_(select(nodes.c.id))


def book_links(known_at: datetime) -> Select[*tuple[Any, ...]]:
    """Return the statement of the book's calibrations with their edges, as known at a moment."""
    node, edge, end = Calibration, CalibrationReference, CalibrationSupersession
    issued = (
        select(col(Certificate.number))
        .join(CertificateCalibration, col(CertificateCalibration.certificate_id) == Certificate.id)
        .where(CertificateCalibration.calibration_id == node.id)
        .order_by(col(Certificate.issued_at).desc())
        .limit(1)
        .scalar_subquery()
    )
    number = func.coalesce(node.certificate_number, issued)
    target = func.coalesce(edge.reference_id, edge.published_id)
    ended = and_(col(end.calibration_id) == node.id, col(end.superseded_at) <= known_at)
    return (
        _columns(node, edge, end, target, number, told_by=col(node.received_from_id))
        .outerjoin(end, ended)
        .outerjoin(edge, col(edge.calibration_id) == node.id)
        .where(col(node.recorded_at) <= known_at)
    )


def layer_links(known_at: datetime) -> Select[*tuple[Any, ...]]:
    """Return the statement of the reference layer's calibrations with their edges."""
    node, edge, end = PublishedCalibration, PublishedReference, PublishedSupersession
    ended = and_(col(end.published_id) == node.id, col(end.superseded_at) <= known_at)
    return (
        _columns(
            node, edge, end, col(edge.reference_id), col(node.certificate_number), told_by=null()
        )
        .outerjoin(end, ended)
        .outerjoin(edge, col(edge.calibration_id) == node.id)
        .where(col(node.recorded_at) <= known_at)
    )


def _columns(
    node: type[SQLModel],
    edge: type[SQLModel],
    end: type[SQLModel],
    target: Any,
    number: Any,
    *,
    told_by: Any,
) -> Select[*tuple[Any, ...]]:
    return select_columns(
        node.id.label("calibration_id"),  # type: ignore[attr-defined]
        node.item_id,  # type: ignore[attr-defined]
        number.label("certificate_number"),
        told_by.label("received_from_id"),
        *(getattr(node, name) for name in FACTS if name != "certificate_number"),
        end.superseded_at,  # type: ignore[attr-defined]
        end.successor_id,  # type: ignore[attr-defined]
        func.coalesce(edge.position, literal(-1)).label("position"),  # type: ignore[attr-defined]
        target.label("reference_id"),
        *(getattr(edge, name).label(f"edge_{name}") for name in (*EDGE, *EDGE_INTERVAL)),
    )


def links_from(session: TenantSession, *statements: Select[*tuple[Any, ...]]) -> list[Link]:
    """Return what such statements find, each calibration once with all its references.

    What another organization told of a chain's end is an end only where that is recognized here.
    """
    first, *others = statements
    rows = session.execute(first.union_all(*others) if others else first).all()
    edges: dict[UUID, list[Any]] = {}
    nodes: dict[UUID, Any] = {}
    for row in rows:
        nodes[row.calibration_id] = row
        edges.setdefault(row.calibration_id, [])
        if row.reference_id is not None:
            edges[row.calibration_id].append(row)
    links = [_link(row, sorted(edges[id_], key=lambda e: e.position)) for id_, row in nodes.items()]
    told_by = {
        id_: row.received_from_id
        for id_, row in nodes.items()
        if row.received_from_id is not None and row.terminal_reason is not None
    }
    return with_confirmed_ends(session, links, told_by) if told_by else links


def _link(row: Any, edges: Sequence[Any]) -> Link:
    return Link(
        calibration_id=row.calibration_id,
        item_id=row.item_id,
        track=row.track,
        item_name_zh=row.item_name_zh,
        item_name_en=row.item_name_en,
        laboratory_zh=row.laboratory_zh,
        laboratory_en=row.laboratory_en,
        certificate_number=row.certificate_number,
        kind=row.kind,
        procedure_code=row.procedure_code,
        performed_on=row.performed_on,
        valid_until=row.valid_until,
        recorded_at=row.recorded_at,
        superseded_at=row.superseded_at,
        successor_id=row.successor_id,
        terminal_reason=row.terminal_reason,
        interval=_interval(row.interval_lower, row.interval_upper, row.interval_unit),
        uncertainty=_uncertainty(row),
        references=tuple(_reference(edge) for edge in edges),
    )


def _reference(row: Any) -> Reference:
    return Reference(
        position=row.position,
        reference_id=row.reference_id,
        interval=_interval(
            row.edge_interval_lower, row.edge_interval_upper, row.edge_interval_unit
        ),
        **{name: getattr(row, f"edge_{name}") for name in EDGE},
    )


def _interval(
    lower: float | None, upper: float | None, unit: str | None
) -> MeasuringInterval | None:
    if lower is None or upper is None or unit is None:
        return None
    return MeasuringInterval(lower=lower, upper=upper, unit=unit)


def _uncertainty(row: Any) -> UncertaintyStatement | None:
    if row.uncertainty_coefficient is None:
        return None
    return UncertaintyStatement(
        model=row.uncertainty_model,
        coefficient=row.uncertainty_coefficient,
        coverage_factor=row.coverage_factor,
        unit=row.interval_unit,
    )


def names(session: TenantSession) -> dict[UUID, str]:
    """Return a short name for each calibration of the book: its item and its certificate."""
    row = Calibration
    rows = session.exec(select(row.id, row.item_name_en, row.certificate_number)).all()
    return {id_: f"{name} ({number or 'no certificate'})" for id_, name, number in rows}


def all_ids(session: TenantSession) -> Sequence[UUID]:
    """Return the id of every calibration of the book."""
    return session.exec(select(Calibration.id).order_by(col(Calibration.id))).all()


def newest(session: TenantSession) -> Calibration | None:
    """Return the calibration of the book that was made last, of those recorded on its day."""
    return session.exec(
        select(Calibration)
        .where(col(Calibration.item_id).is_not(None))
        .order_by(col(Calibration.performed_on).desc(), col(Calibration.recorded_at).desc())
        .limit(1)
    ).first()


def count_made(session: TenantSession) -> int:
    """Return how many calibrations the organization made itself."""
    made = select(func.count()).select_from(Calibration).where(Calibration.source == "made")
    return session.exec(made).one()


def verdicts(session: TenantSession, calibration_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return what was stated last of the conformity of calibrations as a whole, by calibration."""
    row = ConformityStatementRecord
    rows = session.exec(
        select(row.calibration_id, row.verdict)
        .where(col(row.calibration_id).in_(calibration_ids), col(row.result_id).is_(None))
        .order_by(col(row.stated_at))
    ).all()
    return dict(rows)


def own_links(session: TenantSession, *, known_at: datetime) -> list[Link]:
    """Return every calibration of the book, as known at a moment, without the reference layer."""
    return with_authorisation(session, links_from(session, book_links(known_at)))


def levels(session: TenantSession, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the level of the item of each calibration, of the book or published, if known."""
    ids = tuple(ids)
    found: dict[UUID, str] = {}
    for row in (Calibration, PublishedCalibration):
        rows = session.exec(select(row.id, row.level_zh).where(col(row.id).in_(ids)))
        found |= {id_: level for id_, level in rows if level}
    return found
