"""How far a recall has come: what it affected, whom it told, what is settled; only read."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.store import organizations as organization_store
from service.store import recalls as store
from service.tables.calibrations import Calibration
from service.tables.items import Item
from service.tables.organizations import Organization
from service.tables.published import PublishedCalibration
from service.tables.recalls import (
    RecallCalibration,
    RecallCase,
    RecallClosing,
    RecallDecision,
    RecallRecord,
    RecallSuggestion,
)
from service.tenancy import TenantSession


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedItem:
    """An item that a recall affects, by its newest affected calibration.

    Attributes:
        customer_id: whose it is; None for the organization's own.
        certificate_number: of that calibration.
        steps: how many lie between it and the standard.
        cases: its affected results, those overturned first.
        is_judged: whether the recall can say what became of all its results.
        told_at: when its customer was sent a letter; None if it was not.
        closing: how it was settled; None while it is open.
    """

    item: Item
    customer_id: UUID | None
    calibration: Calibration
    certificate_number: str | None
    steps: int
    cases: tuple[RecallCase, ...]
    is_judged: bool
    told_at: datetime | None
    closing: RecallClosing | None

    @property
    def overturned(self) -> int:
        """How many of its results conformed as recorded and no longer do."""
        return sum(map(store.is_overturned, self.cases))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallProgress:
    """A recall with everything it affected.

    Attributes:
        suggestion: the measurement that opened it; None if a person did.
        decision: what a person decided on it; None while nobody has, or need not.
        customers: whom it concerns, by id.
    """

    row: RecallRecord
    suggestion: RecallSuggestion | None
    decision: RecallDecision | None
    standard: Calibration | PublishedCalibration
    certificate_number: str | None
    items: tuple[AffectedItem, ...]
    customers: Mapping[UUID, Organization]

    @property
    def results(self) -> int:
        """How many results it affects."""
        return sum(len(item.cases) for item in self.items)

    @property
    def overturned(self) -> int:
        """How many of them conformed as recorded and no longer do."""
        return sum(item.overturned for item in self.items)

    @property
    def closed(self) -> int:
        """How many items are settled."""
        return sum(item.closing is not None for item in self.items)

    @property
    def status(self) -> store.Status:
        """Where it stands; closed when the last item is settled."""
        begun = store.standing(self.suggestion, self.decision)
        is_settled = all(item.closing for item in self.items)
        return "closed" if begun == "open" and is_settled else begun

    @property
    def closed_at(self) -> datetime | None:
        """When the last item was settled; None where it is not closed."""
        if self.status != "closed":
            return None
        begun_at = self.decision.decided_at if self.decision else self.row.opened_at
        return max((one.closing.closed_at for one in self.items if one.closing), default=begun_at)

    def by_customer(self) -> dict[UUID | None, tuple[AffectedItem, ...]]:
        """Return the items of each customer, the organization's own under None."""
        lists: defaultdict[UUID | None, list[AffectedItem]] = defaultdict(list)
        for item in self.items:
            lists[item.customer_id].append(item)
        return {customer_id: tuple(items) for customer_id, items in lists.items()}

    def by_steps(self) -> dict[int, tuple[AffectedItem, ...]]:
        """Return the items by how far below the standard they lie, the nearest first."""
        rungs: defaultdict[int, list[AffectedItem]] = defaultdict(list)
        for item in self.items:
            rungs[item.steps].append(item)
        return {steps: tuple(rungs[steps]) for steps in sorted(rungs)}


def progress(session: TenantSession, recall_id: UUID) -> RecallProgress:
    """Return how far a recall of the book has come.

    Raises:
        NotFound: the book has no such recall.
    """
    row = store.get(session, recall_id)
    standard = store.standard(session, row)
    cases: defaultdict[UUID, list[RecallCase]] = defaultdict(list)
    for case in store.cases(session, recall_id):
        cases[case.calibration_id].append(case)
    told = {letter.subject_id: letter.sent_at for letter in store.letters(session, recall_id)}
    closings = {closing.item_id: closing for closing in store.closings(session, recall_id)}
    by_item: defaultdict[UUID, list[tuple[RecallCalibration, Calibration, Item]]]
    by_item = defaultdict(list)
    for affected, calibration, item in store.calibrations(session, recall_id):
        by_item[item.id].append((affected, calibration, item))
    organizations = {one.id: one for one in organization_store.all_of_them(session)}
    items = [
        _item(session, rows, cases, told, closings.get(item_id))
        for item_id, rows in by_item.items()
    ]
    items.sort(key=lambda one: (one.closing is not None, -one.overturned, one.steps, one.item.id))
    return RecallProgress(
        row=row,
        suggestion=store.suggestion(session, recall_id),
        decision=store.decision(session, recall_id),
        standard=standard,
        certificate_number=store.certificate_number(session, standard),
        items=tuple(items),
        customers={
            item.customer_id: organizations[item.customer_id]
            for item in items
            if item.customer_id is not None
        },
    )


def _item(
    session: TenantSession,
    rows: list[tuple[RecallCalibration, Calibration, Item]],
    cases: Mapping[UUID, list[RecallCase]],
    told: Mapping[UUID, datetime],
    closing: RecallClosing | None,
) -> AffectedItem:
    affected, calibration, item = rows[-1]
    told_at = [told.get(one.calibration_id) for one, _, _ in rows]
    return AffectedItem(
        item=item,
        customer_id=affected.customer_id,
        calibration=calibration,
        certificate_number=store.certificate_number(session, calibration),
        steps=min(len(one.path) - 1 for one, _, _ in rows),
        cases=tuple(case for one, _, _ in rows for case in cases.get(one.calibration_id, ())),
        is_judged=all(one.is_judged for one, _, _ in rows),
        told_at=None if None in told_at else told_at[-1],
        closing=closing,
    )
