"""Deriving the due dates of thousands of items: what calibrations alone decide, in arrays.

Items that something else befell (an event, an override, a failure) are derived one by one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import numpy as np
import polars as pl

from service import due_dates
from service.actions import due
from service.clock import day_of
from service.store import due as due_store
from service.store import items as item_store
from service.store import schedule as store
from service.store.schedule import Done, ItemHistory
from service.tables.items import Item
from service.tables.schedule import KeptDueDate, PeriodPolicy
from service.tenancy import TenantSession
from traceability.schedule import TIME_RUNS, ItemState, Plan
from traceability.schedule_arrays import due_days

AT_ONCE: Final = 500  # items that are derived one by one
SCHEMA: Final = pl.Schema({
    "item_id": pl.String, "activity": pl.String, "area": pl.String, "is_main": pl.Boolean,
    "due_on": pl.Date, "rule": pl.String, "source": pl.String, "anchor_on": pl.Date,
    "months": pl.Int64, "last_performed_on": pl.Date, "is_stopped": pl.Boolean,
    "is_ended": pl.Boolean,
})  # fmt: skip
KEY: Final = ("item_id", "activity")


def derive(session: TenantSession, item_ids: Collection[UUID] | None) -> int:
    """Derive the due dates of many of the own items, or of all; return how many rows changed."""
    policies = store.policies(session)
    wanted = None if item_ids is None else set(item_ids)
    items = [item for item in item_store.own(session) if wanted is None or item.id in wanted]
    done = store.done(session, on=date.max)
    special = store.befallen(session) | {
        item_id for item_id, rows in done.items() if any(one.has_failed for one in rows)
    }
    special |= {UUID(policy.subject) for policy in policies if policy.rule == "item"}
    plain = [item for item in items if item.id not in special]
    ids = sorted(item.id for item in items if item.id in special)
    told = pl.concat([
        *_plain(plain, done, policies),
        *(_one_by_one(session, ids[start : start + AT_ONCE], policies)
          for start in range(0, len(ids), AT_ONCE)),
        SCHEMA.to_frame(),
    ])  # fmt: skip
    return _keep(session, told, {item.id.hex for item in items})


def _keep(session: TenantSession, told: pl.DataFrame, item_ids: set[str]) -> int:
    """Write the rows that differ from what is kept; what is told no more is ended."""
    columns = due_store.kept_columns(session, list(SCHEMA))
    kept = pl.DataFrame(columns, schema=SCHEMA).filter(pl.col("item_id").is_in(item_ids))
    ended = kept.filter(~pl.col("is_ended")).join(told, on=KEY, how="anti")
    rows = pl.concat(
        [told, ended.with_columns(pl.lit(value).alias(name) for name, value in due.ENDED.items())],
        how="vertical_relaxed",
    ).select(list(SCHEMA))
    new = rows.join(kept, on=list(SCHEMA), how="anti", nulls_equal=True)
    changing = [name for name in SCHEMA if name not in KEY]
    session.upsert(KeptDueDate, new, changing=changing)
    return len(new)


def _one_by_one(
    session: TenantSession, ids: Collection[UUID], policies: Sequence[PeriodPolicy]
) -> pl.DataFrame:
    rows = [
        row | {"item_id": row["item_id"].hex}
        for history in store.histories(session, on=date.max, item_ids=ids)
        for row in due.rows_of(history, policies)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def _plain(
    items: Sequence[Item], done: Mapping[UUID, Sequence[Done]], policies: Sequence[PeriodPolicy]
) -> Iterator[pl.DataFrame]:
    """Yield the due dates of items that nothing befell but calibrations, kind by kind."""
    kinds: dict[tuple[Any, ...], list[Item]] = defaultdict(list)
    for item in items:
        kinds[
            item.procedure_code, item.type_designation, item.energy_level, item.period_months,
            item.is_mandatory,
        ].append(item)  # fmt: skip
    for alike in kinds.values():
        first = ItemHistory(item=alike[0], done=(), overrides=(), events=())
        for position, plan in enumerate(due_dates.plans_of(first, policies, on=date.max)):
            yield _of_plan(alike, plan, done if position == 0 else {}, is_main=position == 0)


def _of_plan(
    items: Sequence[Item], plan: Plan, done: Mapping[UUID, Sequence[Done]], *, is_main: bool
) -> pl.DataFrame:
    newest = [done[item.id][-1] if item.id in done else None for item in items]
    last = _days([one.performed_on if one else None for one in newest])
    known_since = _days([day_of(item.recorded_at) for item in items])
    found = due_days(
        plan.periods,
        known_since=known_since,
        last=last,
        certificate=_days([one.valid_until if one else None for one in newest]),
    )
    stopped = np.array([ItemState(item.status) not in TIME_RUNS for item in items])
    is_due = (found.winner >= 0) & ~stopped
    periods = [period for _, period in found.rules]
    told: dict[str, list[Any]] = {
        "rule": [rule.value for rule, _ in found.rules],
        "source": [period.source if period else "" for period in periods],
        "months": [period and period.months for period in periods],
    }
    anchor = np.where(np.isnat(last), known_since, last)
    nothing = np.datetime64("NaT")
    return pl.DataFrame({
        "item_id": [item.id.hex for item in items],
        "activity": [plan.activity.value] * len(items),
        "area": [item_store.PLACES.join(item.location) for item in items],
        "is_main": [is_main] * len(items),
        "due_on": np.where(is_due, found.valid_until, nothing).tolist(),
        "rule": _won(told["rule"], found.winner, is_due, None),
        "source": _won(told["source"], found.winner, is_due, ""),
        "anchor_on": np.where(is_due, anchor, nothing).tolist(),
        "months": _won(told["months"], found.winner, is_due, None),
        "last_performed_on": last.tolist(),
        "is_stopped": stopped.tolist(),
        "is_ended": [False] * len(items),
    }, schema=SCHEMA)  # fmt: skip


def _won(values: Sequence[Any], winner: Any, is_due: Any, otherwise: Any) -> list[Any]:
    """Return what the rule that won says of each item."""
    return [values[one] if due else otherwise for one, due in zip(winner, is_due, strict=True)]


def _days(days: Sequence[date | None]) -> Any:
    return np.array(days, dtype="datetime64[D]")
