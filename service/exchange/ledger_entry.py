"""One item that a person types, entered or changed: read by the rules of the ledger's columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import polars as pl

from procedures.errors import InvalidInput
from procedures.worksheet import read_number
from service.actions import items as actions
from service.actions.ledger import DEFAULTS, RANGE, quantity_of_unit
from service.errors import StaleVersion
from service.exchange.ledger_plan import NEW, MatchBy, Outcome, Plan, RowAnswer, make_plan
from service.exchange.ledger_reader import read_items
from service.store import items as item_store
from service.store import ledger as store
from service.store import organizations
from service.tenancy import TenantSession

FIELDS: Final = (
    "asset_number", "name_zh", "name_en", "manufacturer_zh", "manufacturer_en", "type_designation",
    "serial_number", "range_text", "accuracy_text", "quantity", "location", "use", "kind",
    "energy_level", "procedure_code", "period_months", "is_mandatory", "is_carbon_meter", "status",
)  # fmt: skip
NAMES: Final = ("name_zh", "name_en")
MPE: Final = ("maximum_permissible_error", "maximum_permissible_error_of")  # no columns of a ledger
MPE_OF: Final = ("absolute", "span", "relative")  # in the range's unit, % of its span, % of a value
THERE: Final = "there_already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What became of what was typed: the item, or why nothing was written."""

    item_id: UUID | None = None
    answers: tuple[RowAnswer, ...] = ()

    @property
    def candidates(self) -> tuple[UUID, ...]:
        """The items that it might be, between which a person decides."""
        return tuple(UUID(id_) for answer in self.answers for id_ in answer.candidates)


def typed_of(session: TenantSession, item_id: UUID) -> dict[str, str]:
    """Return an item as its form shows it, every field as text; what is unknown is empty.

    Raises:
        NotFound: the ledger has no such item.
    """
    held = item_store.get(session, item_id).model_dump()
    held |= {"location": store.JOINT.join(held["location"]), "range_text": _range_text(held)}
    model, coefficient = (
        held[f"maximum_permissible_error_{of}"] for of in ("model", "coefficient")
    )
    mpe = coefficient and coefficient * (100 if model == "relative" else 1)
    told = {name: _text(held[name]) for name in FIELDS}
    return told | {MPE[0]: f"{mpe:.12g}" if mpe else "", MPE[1]: model or "absolute"}


def enter(
    session: TenantSession,
    typed: Mapping[str, str],
    *,
    is_another: bool = False,
    actor_id: UUID,
    now: datetime,
) -> Entry:
    """Enter a new item; nothing is written where a field cannot be read or the ledger may have it.

    Args:
        typed: fields of FIELDS as text; an empty one says nothing.
        is_another: whether a person says that it is none of those it looks like.
    """
    session.lock_book()
    key: MatchBy = "asset_number" if typed.get("asset_number") else "plate"
    plan = _planned(session, typed, match_by=key, decisions={0: NEW} if is_another else {})
    ((_, outcome, there),) = plan.outcomes.rows()
    if there is not None:
        return Entry(answers=(_there(there),))
    if outcome != Outcome.CREATED:
        return Entry(answers=plan.answers)
    read = plan.frame.drop("row", "item_id").row(0, named=True)
    told = {name: value for name, value in read.items() if value is not None}
    quantity = quantity_of_unit(told.get("range_unit", "")) or DEFAULTS["quantity"]
    limit = _permissible_error(typed, told)
    if isinstance(limit, RowAnswer):
        return Entry(answers=(limit,))
    item = actions.register(
        session,
        **_as_item({**DEFAULTS, "quantity": quantity, **told, **limit}),
        is_demonstration=organizations.own(session).is_demonstration,
        actor_id=actor_id,
        now=now,
    )
    return Entry(item_id=item.id)


def change(
    session: TenantSession,
    item_id: UUID,
    typed: Mapping[str, str],
    *,
    seen: str,
    actor_id: UUID,
    now: datetime,
) -> Entry:
    """Change an item to what was typed; a field left empty is unknown from then on, but for names.

    Args:
        seen: the version that was read (`version_of`).

    Raises:
        NotFound: the ledger has no such item.
        StaleVersion: it was changed since it was read.
    """
    session.lock_book()
    was = version_of(session, item_id)
    if seen != was:
        raise StaleVersion("item", seen, was)
    plan = _planned(session, {**typed, "id": item_id.hex}, match_by="id", decisions={})
    answers = [*plan.answers, *_other_of_number(session, item_id, typed.get("asset_number", ""))]
    if answers:
        return Entry(answers=tuple(answers))
    facts = {name: new for name, (_, new) in plan.changes.get(item_id.hex, {}).items()}
    if "range_text" in facts:
        facts |= plan.frame.select(RANGE).row(0, named=True)
    held = typed_of(session, item_id)
    if any(typed.get(name, held[name]) != held[name] for name in MPE):
        limit = _permissible_error(typed, item_store.get(session, item_id).model_dump() | facts)
        if isinstance(limit, RowAnswer):
            return Entry(answers=(limit,))
        facts |= limit
    for name in FIELDS:
        if name not in NAMES and held[name] and not typed.get(name, "").strip():
            facts[name] = DEFAULTS.get(name)
            facts |= dict.fromkeys(RANGE) if name == "range_text" else {}
    actions.change(session, item_id, _as_item(facts), actor_id=actor_id, now=now)
    return Entry(item_id=item_id)


def version_of(session: TenantSession, item_id: UUID) -> str:
    """Return what tells a version of an item from another: the moment it was last written."""
    item = item_store.get(session, item_id)
    return (item.changed_at or item.recorded_at).isoformat()


def _planned(
    session: TenantSession,
    typed: Mapping[str, str],
    *,
    match_by: MatchBy,
    decisions: Mapping[int, str],
) -> Plan:
    told = {name: typed.get(name) or None for name in (*FIELDS, "id") if name in typed}
    told.setdefault("serial_number", None)
    return make_plan(
        read_items([told]),
        store.held(session),
        store.calibrated_days(session),
        match_by=match_by,
        decisions=decisions,
    )


def _other_of_number(session: TenantSession, item_id: UUID, number: str) -> list[RowAnswer]:
    said = number.strip()
    is_other = (pl.col("asset_number") == said) & (pl.col("id") != item_id.hex)
    there = store.held(session).filter(is_other)["id"].to_list() if said else []
    return [_there(id_) for id_ in there[:1]]


def _there(item_id: str) -> RowAnswer:
    return RowAnswer(
        row=0,
        outcome=Outcome.CONFLICT,
        code=THERE,
        reason="the ledger has this item already",
        candidates=(item_id,),
    )


def _permissible_error(
    typed: Mapping[str, str], item: Mapping[str, Any]
) -> dict[str, Any] | RowAnswer:
    """Return the facts of the maximum permissible error that was typed, or why there are none."""
    text, of = (typed.get(name, "").strip().removeprefix("±") for name in MPE)
    if not text:
        return dict.fromkeys((f"{MPE[0]}_model", f"{MPE[0]}_coefficient"))
    try:
        value = float(read_number(text))
    except InvalidInput:
        return _refused("not_a_number")
    if not value > 0:
        return _refused("not_above_zero")
    if item.get("range_unit") is None:
        return _refused("no_range")
    scale = {"span": (item["range_upper"] - item["range_lower"]) / 100, "relative": 0.01}
    return {
        f"{MPE[0]}_model": "relative" if of == "relative" else "absolute",
        f"{MPE[0]}_coefficient": value * scale.get(of, 1.0),
    }


def _refused(code: str) -> RowAnswer:
    return RowAnswer(row=0, outcome=Outcome.REJECTED, code=code, reason=code, column=MPE[0])


def _as_item(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as an item has them: a place in its parts."""
    place = facts.get("location")
    parts = place.split(store.JOINT) if place and place != DEFAULTS["location"] else []
    return {**facts, **({"location": parts} if "location" in facts else {})}


def _range_text(held: Mapping[str, Any]) -> str | None:
    if held["range_text"] is None and held["range_lower"] is not None:
        return f"({held['range_lower']:g} ~ {held['range_upper']:g}) {held['range_unit']}"
    text: str | None = held["range_text"]
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
