"""Deriving the due dates of thousands of items: what calibrations alone decide, in arrays.

Items that something else befell (an event, an override, a failure) are derived one by one.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import polars as pl

from service import due_dates
from service.actions import due
from service.bulk import differing
from service.store import schedule as store
from service.store import schedule_columns as columns
from service.store.schedule import ItemHistory
from service.tables.items import Item, ItemDue
from service.tables.schedule import KeptDueDate, PeriodPolicy
from service.tenancy import TenantSession
from traceability.schedule import TIME_RUNS, Plan
from traceability.schedule_arrays import due_days

AT_ONCE: Final = 500  # items that are derived one by one
SCHEMA: Final = pl.Schema({
    "item_id": pl.String, "activity": pl.String, "area": pl.String, "serial_number": pl.String,
    "words": pl.String, "is_main": pl.Boolean, "due_on": pl.Date, "rule": pl.String,
    "source": pl.String, "anchor_on": pl.Date, "months": pl.Int64, "last_performed_on": pl.Date,
    "is_stopped": pl.Boolean, "is_ended": pl.Boolean,
})  # fmt: skip
KEY: Final = ("item_id", "activity")
TOLD_OF_EACH: Final = tuple(name for name in SCHEMA if name not in KEY)
FACTS: Final = ("procedure_code", "period_months", "is_mandatory")  # what an item's plans are of,
SUBJECTS: Final = ("type_designation", "energy_level")  # and these where a policy names them
NO_RULE: Final = -1


def refresh(session: TenantSession, item_ids: pl.Series) -> None:
    """Keep until when the calibration in force of each of many items is valid, as one by one."""
    in_force = pl.when(~pl.col("has_failed"))
    done = columns.newest_done(session).filter(pl.col("item_id").is_in(item_ids.implode()))
    told = done.select(
        "item_id",
        in_force.then("calibration_id").alias("calibration_id"),
        in_force.then("certificate").alias("due_on"),
    )
    session.upsert(ItemDue, told.sort("item_id"), changing=("calibration_id", "due_on"))


def derive(session: TenantSession, item_ids: Collection[UUID] | None) -> int:
    """Derive the due dates of many of the own items, or of all; return how many rows changed."""
    policies = store.policies(session)
    items = columns.items(session, item_ids)
    done = columns.newest_done(session)
    special = {item_id.hex for item_id in store.befallen(session)}
    special |= set(done.filter("has_ever_failed")["item_id"])
    special |= {UUID(policy.subject).hex for policy in policies if policy.rule == "item"}
    is_special = pl.col("id").is_in(special)
    plain = items.filter(~is_special).join(done, left_on="id", right_on="item_id", how="left")
    ids = sorted(map(UUID, items.filter(is_special)["id"]))
    told = pl.concat([
        *_plain(plain, policies),
        *(_one_by_one(session, ids[start : start + AT_ONCE], policies)
          for start in range(0, len(ids), AT_ONCE)),
        SCHEMA.to_frame(),
    ])  # fmt: skip
    return _keep(session, told, items["id"])


def _keep(session: TenantSession, told: pl.DataFrame, item_ids: pl.Series) -> int:
    """Write the rows that differ from what is kept; what is told no more is ended."""
    kept = session.columns(KeptDueDate, list(SCHEMA)).filter(
        pl.col("item_id").is_in(item_ids.implode())
    )
    ended = kept.filter(~pl.col("is_ended")).join(told, on=KEY, how="anti")
    rows = pl.concat(
        [told, ended.with_columns(pl.lit(value).alias(name) for name, value in due.ENDED.items())],
        how="vertical_relaxed",
    ).select(list(SCHEMA))
    new = rows.join(kept, on=list(SCHEMA), how="anti", nulls_equal=True)
    session.upsert(KeptDueDate, new.join(kept, on=KEY, how="anti").sort(KEY), changing=TOLD_OF_EACH)
    changed = new.join(kept, on=KEY, how="semi")
    changing = differing(changed, kept, key=KEY, names=TOLD_OF_EACH)
    session.change_rows(KeptDueDate, changed.select(*KEY, *changing))
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


def _plain(items: pl.DataFrame, policies: Sequence[PeriodPolicy]) -> Iterator[pl.DataFrame]:
    """Yield the due dates of items that nothing befell but calibrations, kind by kind."""
    named = [policy.subject for policy in policies]
    kind = [pl.when(pl.col(name).is_in(named)).then(name).alias(name) for name in SUBJECTS]
    for _, alike in items.group_by(*FACTS, *kind):
        row = alike.row(0, named=True)
        facts = {name: row[name] for name in (*FACTS, *SUBJECTS, "status", "recorded_at")}
        first = ItemHistory(item=Item(**facts), done=(), overrides=(), events=())
        for position, plan in enumerate(due_dates.plans_of(first, policies, on=date.max)):
            yield _of_plan(alike, plan, is_main=position == 0)


def _of_plan(items: pl.DataFrame, plan: Plan, *, is_main: bool) -> pl.DataFrame:
    if not is_main:  # a calibration is of the item's own period alone
        items = items.with_columns(performed_on=pl.lit(None, pl.Date), certificate=None)
    is_stopped = ~items["status"].is_in(list(TIME_RUNS))
    found = due_days(
        plan.periods,
        known_since=_days(items["known_since"]),
        last=_days(items["performed_on"]),
        certificate=_days(items["certificate"]),
    )
    rules = pl.DataFrame(
        [(number, rule.value, period.source if period else "", period and period.months)
         for number, (rule, period) in enumerate(found.rules)],
        schema={"winner": pl.Int64, "rule": pl.String, "source": pl.String, "months": pl.Int64},
        orient="row",
    )  # fmt: skip
    found.winner[is_stopped.to_numpy()] = NO_RULE
    is_due = pl.col("rule").is_not_null()
    return (
        items.with_columns(
            pl.Series("winner", found.winner), pl.Series("valid_until", found.valid_until)
        )
        .join(rules, on="winner", how="left")
        .select(
            pl.col("id").alias("item_id"),
            pl.lit(plan.activity.value).alias("activity"),
            "area",
            "serial_number",
            "words",
            pl.lit(is_main).alias("is_main"),
            pl.when(is_due).then("valid_until").alias("due_on"),
            "rule",
            pl.col("source").fill_null(""),
            pl.when(is_due).then(pl.coalesce("performed_on", "known_since")).alias("anchor_on"),
            "months",
            pl.col("performed_on").alias("last_performed_on"),
            pl.col("status").is_in(list(TIME_RUNS)).not_().alias("is_stopped"),
            pl.lit(value=False).alias("is_ended"),
        )
    )


def _days(days: pl.Series) -> Any:
    return days.to_numpy().astype("datetime64[D]")
