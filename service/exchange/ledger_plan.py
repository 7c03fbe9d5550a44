"""What a ledger that was handed in would do to the ledger that is held; nothing is written.

Every row gets one outcome. An item is matched by one key, exactly; where two could be meant, or
where the plate on it speaks against the match, a person decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

import polars as pl

from service.errors import InvalidField
from service.exchange.ledger_columns import BY_NAME, plain_range
from service.exchange.ledger_reader import CellError, Ledger
from service.store.ledger import HELD

MatchBy = Literal["asset_number", "plate", "id"]
NEW: Final = "new"
SKIP: Final = "skip"
MOST_CANDIDATES: Final = 10
SPACES: Final = r"[\s　]+"
DASHES: Final = r"[\s\-‐‑‒–—―−－]+"
KEY_COLUMNS: Final[Mapping[MatchBy, str]] = {
    "asset_number": "asset_number", "plate": "serial_number", "id": "id",
}  # fmt: skip


class Outcome(StrEnum):
    """What becomes of a row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAnswer:
    """What is to be said of a row that is not simply written.

    Attributes:
        column: which cell, where one is meant.
        candidates: ids of the items between which a person decides.
    """

    row: int
    outcome: Outcome
    code: str
    reason: str
    column: str | None = None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done.

    Attributes:
        outcomes: `row`, `outcome` and, where a row is an item's that is held, its `item_id`.
        frame: the rows to be created and updated: `row`, `item_id` and the columns that are told.
        calibrations: the rows among all accepted that tell of a calibration not yet in the book.
        changes: old and new value by column, by the id of the item.
        places: where the item of each accepted row then stands, of joined parts; "" for nowhere.
    """

    outcomes: pl.DataFrame
    frame: pl.DataFrame
    calibrations: pl.DataFrame
    changes: Mapping[str, Mapping[str, tuple[Any, Any]]]
    answers: tuple[RowAnswer, ...]
    columns: tuple[str, ...]
    places: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Rows by outcome; together, all rows of the ledger."""
        found = dict(self.outcomes.group_by("outcome").len().iter_rows())
        return {outcome.value: found.get(outcome.value, 0) for outcome in Outcome}


CONFLICTS: Final = {
    "twice_in_file": "another row of this file names the same item",
    "ambiguous": "several items of the ledger have this key",
    "other_serial_number": "the ledger has another serial number under this key: is it the same "
    "item, or one in its place?",
    "same_plate": "the ledger has an item of this type and serial number under another key",
    "twice_on_plate": "another new row of this file has the same type and serial number",
}


def default_key(ledger: Ledger) -> MatchBy:
    """Return by what items are matched where nobody says: id, else asset number, else plate."""
    if "id" in ledger.columns:
        return "id"
    return "asset_number" if "asset_number" in ledger.columns else "plate"


def make_plan(
    ledger: Ledger,
    held: pl.DataFrame,
    calibrated: pl.DataFrame,
    *,
    match_by: MatchBy,
    decisions: Mapping[int, str] | None = None,
) -> Plan:
    """Decide what becomes of each row.

    Args:
        held: the items of the ledger, as `store.ledger.held` returns them.
        calibrated: on which days each was calibrated.
        decisions: of rows in conflict: an item's id (32 hexadecimal digits), "new" or "skip".

    Raises:
        InvalidField: the ledger lacks the column of the key.
    """
    if KEY_COLUMNS[match_by] not in ledger.columns:
        raise InvalidField("/match_by", f"the ledger has no column {KEY_COLUMNS[match_by]}")
    rows, answers = _without_errors(ledger)
    rows = rows.with_columns(_key(match_by, ledger.columns).alias("key"))
    rows, found = _without_key(rows, match_by)
    answers += found
    rows, undecided = _matched(rows, held, match_by, ledger.columns)
    rows, found = _decided(rows, undecided, held, decisions or {})
    answers += found
    rows, found = _without_name(rows, held)
    answers += found
    return _plan(rows, held, calibrated, answers)


def _without_errors(ledger: Ledger) -> tuple[pl.DataFrame, list[RowAnswer]]:
    answers = [_refusal(error) for error in ledger.errors]
    bad = [answer.row for answer in answers]
    return ledger.frame.filter(~pl.col("row").is_in(bad)), answers


def _refusal(error: CellError) -> RowAnswer:
    return RowAnswer(
        row=error.row, outcome=Outcome.REJECTED, code=error.code, reason=error.reason,
        column=error.column,
    )  # fmt: skip


def _key(match_by: MatchBy, columns: tuple[str, ...]) -> pl.Expr:
    """Return the key by which a row, of a file or held, is an item's; null if it has none."""
    if match_by == "id":
        return pl.col("id")
    if match_by == "asset_number":
        return _exact("asset_number")
    plate = [name for name in ("manufacturer_zh", "manufacturer_en", "type_designation")
             if name in columns][-2:]  # fmt: skip
    parts = [_exact(name).fill_null("") for name in plate]
    return pl.concat_str([_exact("serial_number"), *parts], separator="\n")


def _exact(name: str) -> pl.Expr:
    """Return a text as it is compared: spaces, case and width do not count."""
    text = pl.col(name).str.normalize("NFKC").str.to_uppercase().str.replace_all(SPACES, "")
    return pl.when(text != "").then(text)


def _loose_plate(*, has_type: bool) -> pl.Expr:
    """Return what two plates have in common that may be one: neither dashes nor leading zeros."""
    serial = _exact("serial_number").str.replace_all(DASHES, "").str.strip_chars_start("0")
    if not has_type:
        return pl.when(serial != "").then(serial)
    kind = _exact("type_designation").str.replace_all(DASHES, "").fill_null("")
    return pl.when(serial != "").then(pl.concat_str([serial, kind], separator="\n"))


def _without_key(rows: pl.DataFrame, match_by: MatchBy) -> tuple[pl.DataFrame, list[RowAnswer]]:
    column = KEY_COLUMNS[match_by]
    reason = f"no {BY_NAME[column].en.lower()}: the items of this import are matched by it"
    answers = [
        RowAnswer(row=row, outcome=Outcome.REJECTED, code="no_key", reason=reason, column=column)
        for row in rows.filter(pl.col("key").is_null())["row"]
    ]
    return rows.filter(pl.col("key").is_not_null()), answers


def _matched(
    rows: pl.DataFrame, held: pl.DataFrame, match_by: MatchBy, columns: tuple[str, ...]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows with their `item_id`, and of which a person decides: row, code, candidates.

    A row that no item was found for has a null there: it would be a new one.
    """
    keyed = (
        held.with_columns(_key(match_by, columns).alias("key"))
        .filter(pl.col("key").is_not_null())
        .select("key", "id", pl.col("serial_number").alias("held_serial_number"))
        .group_by("key", maintain_order=True)
        .agg(pl.col("id").alias("candidates"), pl.col("held_serial_number").first())
    )
    rows = rows.join(keyed, on="key", how="left", maintain_order="left")
    is_one = pl.col("candidates").list.len() == 1
    rows = rows.with_columns(
        pl.when(is_one).then(pl.col("candidates").list.first()).alias("item_id"),
        pl.when(pl.col("key").is_duplicated())
        .then(pl.lit("twice_in_file"))
        .when(pl.col("candidates").list.len() > 1)
        .then(pl.lit("ambiguous"))
        .alias("conflict"),
    )
    if "serial_number" in rows.columns:
        rows = _doubtful_plates(rows, held, match_by)
    undecided = rows.filter(pl.col("conflict").is_not_null()).select(
        "row", pl.col("conflict").alias("code"), "candidates"
    )
    return rows.drop("candidates", "held_serial_number", "conflict"), undecided


def _doubtful_plates(rows: pl.DataFrame, held: pl.DataFrame, match_by: MatchBy) -> pl.DataFrame:
    """Doubt a match whose plate says otherwise, and a new item whose plate is known already."""
    has_type = "type_designation" in rows.columns
    theirs, ours = (
        pl.col(name).str.normalize("NFKC").str.to_uppercase().str.replace_all(DASHES, "")
        for name in ("serial_number", "held_serial_number")
    )
    is_other = pl.lit(match_by == "asset_number") & (ours != "") & (theirs != ours)
    plates = (
        held.with_columns(_loose_plate(has_type=has_type).alias("plate"))
        .filter(pl.col("plate").is_not_null())
        .group_by("plate", maintain_order=True)
        .agg(pl.col("id").alias("same_plate"))
    )
    rows = rows.with_columns(_loose_plate(has_type=has_type).alias("plate")).join(
        plates, on="plate", how="left", maintain_order="left"
    )
    is_new = pl.col("conflict").is_null() & pl.col("item_id").is_null()
    new_plate = pl.when(is_new).then(pl.col("plate"))
    rows = rows.with_columns(
        pl.when(pl.col("conflict").is_not_null())
        .then(pl.col("conflict"))
        .when(pl.col("item_id").is_not_null() & is_other)
        .then(pl.lit("other_serial_number"))
        .when(is_new & pl.col("same_plate").is_not_null())
        .then(pl.lit("same_plate"))
        .when(is_new & new_plate.is_duplicated() & new_plate.is_not_null())
        .then(pl.lit("twice_on_plate"))
        .alias("conflict"),
        pl.coalesce("candidates", pl.when(is_new).then(pl.col("same_plate"))).alias("candidates"),
    )
    return rows.drop("plate", "same_plate")


def _decided(
    rows: pl.DataFrame,
    undecided: pl.DataFrame,
    held: pl.DataFrame,
    decisions: Mapping[int, str],
) -> tuple[pl.DataFrame, list[RowAnswer]]:
    """Take what a person decided; the rest stay in conflict."""
    if undecided.is_empty():
        return rows, []
    known = set(held["id"])
    open_rows: dict[int, RowAnswer] = {}
    chosen: dict[int, str | None] = {}
    for row, code, candidates in undecided.iter_rows():
        decision = decisions.get(row)
        if decision == NEW:
            chosen[row] = None
        elif decision in known:
            chosen[row] = decision
        else:
            open_rows[row] = RowAnswer(
                row=row,
                outcome=Outcome.CONFLICT,
                code=code,
                reason=CONFLICTS[code],
                candidates=tuple((candidates or [])[:MOST_CANDIDATES]),
            )
    rows = rows.filter(~pl.col("row").is_in(list(open_rows)))
    if chosen:
        taken = pl.DataFrame(
            {"row": list(chosen), "chosen": list(chosen.values())},
            schema={"row": rows.schema["row"], "chosen": pl.String},
        )
        rows = rows.join(taken, on="row", how="left", maintain_order="left").with_columns(
            pl.when(pl.col("row").is_in(list(chosen)))
            .then(pl.col("chosen"))
            .otherwise(pl.col("item_id"))
            .alias("item_id")
        ).drop("chosen")  # fmt: skip
    twice = pl.col("item_id").is_not_null() & pl.col("item_id").is_duplicated()
    for row, item_id in rows.filter(twice).select("row", "item_id").iter_rows():
        open_rows[row] = RowAnswer(
            row=row, outcome=Outcome.CONFLICT, code="twice_in_file",
            reason=CONFLICTS["twice_in_file"], candidates=(item_id,),
        )  # fmt: skip
    return rows.filter(~twice), list(open_rows.values())


def _without_name(rows: pl.DataFrame, held: pl.DataFrame) -> tuple[pl.DataFrame, list[RowAnswer]]:
    """Refuse a new item that has no name, and an id that is no item's."""
    names = [pl.col(name) for name in ("name_zh", "name_en") if name in rows.columns]
    nameless = pl.col("item_id").is_null() & (
        pl.all_horizontal(name.is_null() for name in names) if names else pl.lit(value=True)
    )
    answers = [
        RowAnswer(row=row, outcome=Outcome.REJECTED, code="no_name", column="name_zh",
                  reason="a new item needs a name")
        for row in rows.filter(nameless)["row"]
    ]  # fmt: skip
    rows = rows.filter(~nameless)
    if "id" in rows.columns:
        stranger = pl.col("id").is_not_null() & ~pl.col("id").is_in(held["id"].implode())
        answers += [
            RowAnswer(row=row, outcome=Outcome.REJECTED, code="no_such_item", column="id",
                      reason="the ledger has no item of this id; leave it empty for a new one")
            for row in rows.filter(stranger)["row"]
        ]  # fmt: skip
        rows = rows.filter(~stranger)
    return rows, answers


def _plan(
    rows: pl.DataFrame,
    held: pl.DataFrame,
    calibrated: pl.DataFrame,
    answers: list[RowAnswer],
) -> Plan:
    told = [name for name in rows.columns if name in HELD and name != "id"]
    compared = rows.join(
        held.select(pl.col("id").alias("item_id"), *(pl.col(n).alias(f"held:{n}") for n in told),
                    *(pl.col(n).alias(f"also:{n}") for n in ALSO),
                    pl.col("location").alias("stood")),
        on="item_id", how="left", maintain_order="left",
    )  # fmt: skip
    compared = _in_both_languages(compared, told)
    told = [name for name in compared.columns if name in HELD and name != "id"]
    differs = {name: _differs(name) for name in told if name not in RANGE}
    is_held = pl.col("item_id").is_not_null()
    compared = compared.with_columns(
        pl.any_horizontal(*differs.values()).alias("changed")
        if differs
        else pl.lit(False).alias("changed")
    )
    news = _news(compared, calibrated)
    has_news = pl.col("row").is_in(news["row"].implode())
    outcome = (
        pl.when(~is_held).then(pl.lit(Outcome.CREATED.value))
        .when(pl.col("changed") | has_news).then(pl.lit(Outcome.UPDATED.value))
        .otherwise(pl.lit(Outcome.UNCHANGED.value))
    )  # fmt: skip
    compared = compared.with_columns(outcome.alias("outcome"))
    outcomes = pl.concat(
        [
            compared.select("row", "outcome", "item_id"),
            pl.DataFrame(
                [(row, answer.outcome.value, None)
                 for row, answer in {answer.row: answer for answer in answers}.items()],
                schema={"row": compared.schema["row"], "outcome": pl.String, "item_id": pl.String},
                orient="row",
            ),
        ]
    ).sort("row")  # fmt: skip
    written = compared.filter(~is_held | pl.col("changed"))
    return Plan(
        outcomes=outcomes,
        frame=written.select("row", "item_id", *told),
        calibrations=news,
        changes=_changes(written.filter(is_held), differs),
        answers=tuple(sorted(answers, key=lambda answer: answer.row)),
        columns=tuple(told),
        places=tuple(compared.select(_place(told)).to_series()),
    )


def _place(told: list[str]) -> pl.Expr:
    """Return where the item of a row stands: as the row says, else as before."""
    said = [pl.col("location")] if "location" in told else []
    return pl.coalesce(*said, "stood", pl.lit(""))


RANGE: Final = ("range_lower", "range_upper", "range_unit")  # read from range_text, with it


def _differs(name: str) -> pl.Expr:
    """Return whether a row says another value than is held; in a range, spaces do not count."""
    new, old = pl.col(name), pl.col(f"held:{name}")
    if name == "range_text":
        new, old = (plain_range(text).str.replace_all(SPACES, "") for text in (new, old))
    return new.is_not_null() & new.ne_missing(old)


ALSO: Final = ("name_zh", "name_en", "manufacturer_zh", "manufacturer_en")


def _in_both_languages(rows: pl.DataFrame, told: list[str]) -> pl.DataFrame:
    """Let a name that is told in one language stand for the other, until that is told too."""
    for name in ("name", "manufacturer"):
        for here, there in ((f"{name}_zh", f"{name}_en"), (f"{name}_en", f"{name}_zh")):
            if here in told and there not in told:
                follows = pl.col("item_id").is_null() | (
                    pl.col(f"also:{there}") == pl.col(f"also:{here}")
                )
                rows = rows.with_columns(
                    pl.when(follows).then(pl.col(here)).alias(there),
                    pl.col(f"also:{there}").alias(f"held:{there}"),
                )
    return rows.drop([f"also:{name}" for name in ALSO])


NEWS: Final = ("calibrated_on", "valid_until", "certificate_number", "laboratory")


def _news(rows: pl.DataFrame, calibrated: pl.DataFrame) -> pl.DataFrame:
    """Return the calibrations that the ledger tells of and the book does not know."""
    missing = [pl.lit(None, pl.Date if name == "valid_until" else pl.String).alias(name)
               for name in NEWS[1:] if name not in rows.columns]  # fmt: skip
    if "calibrated_on" not in rows.columns:
        return rows.head(0).select("row", "item_id")
    told = rows.filter(pl.col("calibrated_on").is_not_null()).with_columns(missing)
    known = calibrated.with_columns(pl.lit(value=True).alias("known"))
    joined = told.join(known, on=["item_id", "calibrated_on"], how="left", maintain_order="left")
    return joined.filter(pl.col("known").is_null()).select("row", "item_id", *NEWS)


def _changes(
    rows: pl.DataFrame, differs: Mapping[str, pl.Expr]
) -> dict[str, dict[str, tuple[Any, Any]]]:
    changes: dict[str, dict[str, tuple[Any, Any]]] = {}
    for name, differ in differs.items():
        for item_id, old, new in rows.filter(differ).select(
            "item_id", f"held:{name}", name
        ).iter_rows():  # fmt: skip
            changes.setdefault(item_id, {})[name] = (old, new)
    return changes
