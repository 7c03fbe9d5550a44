"""The demonstration world as data: synthetic below national level, and marked as such."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

NAMESPACE = uuid5(NAMESPACE_URL, "urn:suyuan:demonstration")
BEGINNING = datetime(2010, 1, 1, tzinfo=UTC)  # before the first event


class UnknownFault(LookupError):
    """There is no such planted fault."""


@dataclass(frozen=True, slots=True)
class World:
    """The data of the demonstration, with at most one planted fault.

    Attributes:
        data: as `nation.json` has it, the fault's patch applied.
        fault: the planted fault with the findings that it must show; None in the sound world.
    """

    data: Mapping[str, Any]
    fault: Mapping[str, Any] | None

    @property
    def as_of(self) -> date:
        """The day on which the demonstration stands."""
        return date.fromisoformat(self.data["meta"]["as_of"])


def read_world(fault: str | None = None) -> World:
    """Return the world, with a planted fault by its id (F1 … F8) if one is named.

    Raises:
        UnknownFault: there is no fault of this id.
    """
    data = _read()
    if fault is None:
        return World(data, None)
    known = {row["id"]: row for row in data["faults"]}
    if fault not in known:
        raise UnknownFault(f"no fault {fault}: choose one of {', '.join(known)}")
    return World(_patched(data, known[fault]["patch"]), known[fault])


def identifier(text: str) -> UUID:
    """Return the UUID of a stable name of the world, such as "TPP.PG.05"."""
    return uuid5(NAMESPACE, text)


def moment(day: str | date, hour: int = 16) -> datetime:
    """Return an hour of a day in China (UTC+8) as a moment in UTC."""
    on = date.fromisoformat(day) if isinstance(day, str) else day
    return datetime.combine(on, time(hour - 8), tzinfo=UTC)


@cache
def _read() -> Any:
    return json.loads(files("service.demo").joinpath("nation.json").read_text("utf-8"))


def _patched(data: Any, patch: list[Mapping[str, Any]]) -> Any:
    """Return a copy of the data with a fault's changes made; each must hit something."""
    data = copy.deepcopy(data)
    for change in patch:
        collection, id_, *path = change["path"]
        target = next(row for row in data[collection] if row["id"] == id_)
        if change["op"] == "add":
            target[path[0]].append(change["value"])
        elif change["op"] == "remove":
            target[path[0]].remove(next(r for r in target[path[0]] if r["event"] == path[1]))
        else:
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = change["value"]
    return data
