"""A ledger that is handed in: read, planned, shown, and written once somebody says so."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import polars as pl
from uuid_utils.compat import uuid7

from service.actions import ledger as actions
from service.clock import day_of
from service.errors import AlreadyThere, InvalidField, NotFound
from service.exchange.ledger_columns import LAYOUTS
from service.exchange.ledger_files import Form, refused_rows
from service.exchange.ledger_plan import (
    NEW,
    SKIP,
    MatchBy,
    Outcome,
    Plan,
    RowAnswer,
    default_key,
    make_plan,
)
from service.exchange.ledger_reader import Ledger, read_items, read_ledger
from service.places import PLACES, site_at
from service.store import jobs as job_store
from service.store import ledger as store
from service.store import sites as site_store
from service.store.jobs import LEDGER_IMPORT
from service.tables.exchange import LedgerImport
from service.tables.operations import Job
from service.tenancy import TenantSession

AT_ONCE: Final = 5000  # rows; more are written by a job, as many a transaction
ITEMS_FILE: Final = "items.json"  # the name of what came through the API, item by item


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a ledger is to be taken.

    Attributes:
        layout: the form it is in; None where its headers tell enough.
        match_by: the key of an item; None for the best one that the file has.
        all_or_nothing: whether nothing is written while a row is refused or undecided.
    """

    layout: str | None = None
    match_by: MatchBy | None = None
    all_or_nothing: bool = False

    def __post_init__(self) -> None:
        """Refuse a layout that there is not."""
        if self.layout is not None and self.layout not in LAYOUTS:
            raise InvalidField("/layout", f"one of {', '.join(LAYOUTS)}")


def preview(
    session: TenantSession,
    content: bytes,
    *,
    file_name: str,
    settings: Settings,
    actor_id: UUID,
    now: datetime,
) -> tuple[LedgerImport, Ledger]:
    """Say what a ledger would do; keep the file, so that it can be confirmed.

    Raises:
        UnreadableFile: it holds no ledger.
        InvalidField: it lacks the column of the key.
    """
    ledger = read_ledger(content, layout=LAYOUTS[settings.layout] if settings.layout else None)
    match_by = settings.match_by or default_key(ledger)
    plan = _plan(session, ledger, match_by, {})
    row = LedgerImport(
        organization_id=session.organization_id,
        id=uuid7(),
        file_name=file_name[:200],
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        settings={"layout": settings.layout, "match_by": match_by,
                  "all_or_nothing": settings.all_or_nothing, "ignored": list(ledger.ignored),
                  "at_no_site": _at_no_site(session, plan, on=day_of(now))},
        decisions={},
        state="previewed",
        counts=plan.counts,
        answers=list(map(_told, plan.answers)),
        changes={},
        created_by=actor_id,
        created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row, ledger


def decide(session: TenantSession, import_id: UUID, decisions: Mapping[str, str]) -> LedgerImport:
    """Take what a person decided of rows in conflict: an item's id, "new" or "skip", by row.

    Raises:
        NotFound: there is no such import, or no such item.
        AlreadyThere: it was confirmed already.
        InvalidField: a row that is not in conflict, or a word that decides nothing.
    """
    row = _open(session, import_id)
    in_conflict = {str(a["row"]) for a in row.answers if a["outcome"] == Outcome.CONFLICT}
    for at, decision in decisions.items():
        if at not in in_conflict and at not in row.decisions:
            raise InvalidField(f"/decisions/{at}", "this row is not in conflict")
        if decision not in (NEW, SKIP):
            _item_id(decision, at)
    row.decisions = {**row.decisions, **{at: _plain(word) for at, word in decisions.items()}}
    plan = _plan(session, _ledger(row), row.settings["match_by"], row.decisions)
    _keep(session, row, plan)
    return row


def confirm(
    session: TenantSession, import_id: UUID, *, actor_id: UUID, now: datetime
) -> LedgerImport:
    """Write what was shown, at once; a long ledger by a job.

    Raises:
        NotFound: there is no such import.
        AlreadyThere: it was confirmed already.
    """
    row = _open(session, import_id)
    if sum(row.counts.values()) > AT_ONCE:
        row.state = "queued"
        session.add(
            Job(
                organization_id=session.organization_id,
                kind=LEDGER_IMPORT,
                content={"import_id": str(row.id)},
                state="waiting",
                due_at=now,
                progress=0,
                total=sum(row.counts.values()),
                created_by=actor_id,
                created_at=now,
            )
        )
        return row
    plan = _planned(session, row)
    if row.state != "refused":
        write(session, row.id, plan.frame, plan.calibrations, actor_id=actor_id, now=now)
        actions.finish(session, row, actor_id=actor_id, now=now)
    return row


def upsert(
    session: TenantSession,
    items: Sequence[Mapping[str, str | None]],
    *,
    match_by: MatchBy,
    all_or_nothing: bool = False,
    actor_id: UUID,
    now: datetime,
) -> tuple[Plan, UUID | None]:
    """Create and change the items of a nightly synchronization, at once.

    What changes nothing leaves nothing behind; else what came is kept as an import, whose id is
    returned.

    Raises:
        UnreadableFile: an item has a name that is no column of a ledger.
        InvalidField: the items lack the key.
    """
    plan = _plan(session, read_items(items), match_by, {})
    counts = plan.counts
    refused = all_or_nothing and (counts["conflict"] or counts["rejected"])
    if refused or not counts["created"] + counts["updated"]:
        return plan, None
    content = json.dumps(list(items), ensure_ascii=False).encode()
    row = LedgerImport(
        organization_id=session.organization_id,
        id=uuid7(),
        file_name=ITEMS_FILE,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        settings={"layout": None, "match_by": match_by, "all_or_nothing": all_or_nothing},
        decisions={},
        state="previewed",
        counts=counts,
        answers=list(map(_told, plan.answers)),
        changes=_changes(plan),
        created_by=actor_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    write(session, row.id, plan.frame, plan.calibrations, actor_id=actor_id, now=now)
    actions.finish(session, row, actor_id=actor_id, now=now)
    return plan, row.id


def run_job(
    open_session: Callable[[], TenantSession], job_id: UUID, *, now: Callable[[], datetime]
) -> None:
    """Write a long ledger in parts, one transaction each; what was written stays written.

    Run again after a crash, it finds the first parts unchanged and writes the rest.
    """
    with open_session() as session, session.begin():
        job = session.get_one(Job, (session.organization_id, job_id))
        row = get(session, UUID(job.content["import_id"]))
        actor_id, import_id = job.created_by, row.id
        counts = dict(row.counts) if job.progress else None
        plan = _planned(session, row)
        if counts is not None:
            row.counts = counts
        if row.state == "refused":
            _done(job, now())
            return
        whole = bool(row.settings["all_or_nothing"])
    size = max(len(plan.frame), 1) if whole else AT_ONCE
    for start in range(0, max(len(plan.frame), 1), size):
        part = plan.frame.slice(start, size)
        rows = plan.calibrations.filter(pl.col("row").is_in(part["row"].implode()))
        with open_session() as session, session.begin():
            write(session, import_id, part, rows, actor_id=actor_id, now=now())
            job = session.get_one(Job, (session.organization_id, job_id))
            job.progress = min(start + size, job.total or 0)
    unwritten = plan.calibrations.filter(~pl.col("row").is_in(plan.frame["row"].implode()))
    with open_session() as session, session.begin():
        write(session, import_id, plan.frame.head(0), unwritten, actor_id=actor_id, now=now())
        job = session.get_one(Job, (session.organization_id, job_id))
        _done(job, now())
        actions.finish(session, get(session, import_id), actor_id=actor_id, now=now())


def _done(job: Job, now: datetime) -> None:
    job.state, job.progress, job.finished_at = "done", job.total, now


def write(
    session: TenantSession,
    import_id: UUID,
    frame: pl.DataFrame,
    calibrations: pl.DataFrame,
    *,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Write planned rows and the calibrations that they tell of."""
    ids = actions.write_items(session, frame, import_id=import_id, actor_id=actor_id, now=now)
    if calibrations.is_empty():
        return
    known = calibrations.join(ids, on="row", how="left", maintain_order="left").with_columns(
        pl.coalesce("item_id", "id").alias("item_id")
    )
    actions.write_calibrations(session, known, now=now)


def get(session: TenantSession, import_id: UUID) -> LedgerImport:
    """Return a ledger that was handed in.

    Raises:
        NotFound: there is none of this id.
    """
    row = session.get(LedgerImport, (session.organization_id, import_id))
    if row is None:
        raise NotFound("import", import_id)
    return row


def job_of(session: TenantSession, row: LedgerImport) -> UUID | None:
    """Return the job that is to write an import; None where it is written, or not confirmed."""
    session.flush()
    job = job_store.of_import(session, row.id) if row.state == "queued" else None
    return job.id if job else None


def refused(row: LedgerImport) -> tuple[bytes, Form] | None:
    """Return the rows of an import that are not written as the file they came in; None if none."""
    if not row.answers or row.file_name == ITEMS_FILE:
        return None
    table = _ledger(row).table
    reasons: dict[int, str] = {}
    for answer in row.answers:
        told = f"{answer['column']}: {answer['reason']}" if answer["column"] else answer["reason"]
        before = reasons.get(answer["row"])
        reasons[answer["row"]] = f"{before}; {told}" if before else told
    return refused_rows(table, reasons) if table else None


def _open(session: TenantSession, import_id: UUID) -> LedgerImport:
    session.lock_book()  # two confirmations of one import: the second sees the first
    row = get(session, import_id)
    session.refresh(row)
    if row.state != "previewed":
        raise AlreadyThere(f"import {import_id} is {row.state} already")
    return row


def _planned(session: TenantSession, row: LedgerImport) -> Plan:
    """Plan anew, against the ledger as it is now, and keep what comes of it."""
    session.lock_book()
    plan = _plan(session, _ledger(row), row.settings["match_by"], row.decisions)
    _keep(session, row, plan)
    row.changes = _changes(plan)
    left = plan.counts["conflict"] + plan.counts["rejected"]
    if row.settings["all_or_nothing"] and left:
        row.state = "refused"
    return plan


def _keep(session: TenantSession, row: LedgerImport, plan: Plan) -> None:
    """Keep with an import what it does, as far as that is known now."""
    row.counts, row.answers = plan.counts, list(map(_told, plan.answers))
    at_no_site = _at_no_site(session, plan, on=day_of(row.created_at))
    row.settings = {**row.settings, "at_no_site": at_no_site}


def _at_no_site(session: TenantSession, plan: Plan, *, on: date) -> int | None:
    """Return how many of the accepted rows stand at no site; None where no site is known."""
    sites = site_store.by_name(session, on=on)
    if not sites:
        return None
    return sum(site_at(place.split(PLACES), sites) is None for place in plan.places)


def _plan(
    session: TenantSession, ledger: Ledger, match_by: MatchBy, decisions: Mapping[str, str]
) -> Plan:
    return make_plan(
        ledger,
        store.held(session),
        store.calibrated_days(session),
        match_by=match_by,
        decisions={int(row): word for row, word in decisions.items()},
    )


def _ledger(row: LedgerImport) -> Ledger:
    if row.file_name == ITEMS_FILE:
        return read_items(json.loads(row.content))
    layout = row.settings["layout"]
    return read_ledger(row.content, layout=LAYOUTS[layout] if layout else None)


def _told(answer: RowAnswer) -> dict[str, Any]:
    return {
        "row": answer.row,
        "outcome": answer.outcome.value,
        "code": answer.code,
        "reason": answer.reason,
        "column": answer.column,
        "candidates": list(answer.candidates),
    }


def _changes(plan: Plan) -> dict[str, Any]:
    return {
        item_id: {name: [_text(old), _text(new)] for name, (old, new) in columns.items()}
        for item_id, columns in plan.changes.items()
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _item_id(text: str, at: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidField(f"/decisions/{at}", "an item's id, new or skip") from None


def _plain(word: str) -> str:
    return word if word in (NEW, SKIP) else UUID(word).hex
