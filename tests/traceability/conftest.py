"""The demonstration world as links and items, without a database between."""

import copy
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from traceability.audit import ItemStatus
from traceability.graph import (
    Link,
    MeasuringInterval,
    Reference,
    UncertaintyStatement,
)
from traceability.standards import MaximumPermissibleError, accuracy_ratio

Row = dict[str, Any]
NATION = Path(__file__).parents[2] / "service/demo/nation.json"
NAMESPACE = UUID("6f0f2a0e-8d3a-5a55-9a5e-2a1f3a9c7d10")


@dataclass(frozen=True)
class DemoNation:
    """The JSON document, and what the pure package makes of it."""

    document: Row

    @staticmethod
    def id_of(text: str) -> UUID:
        """Return the id that stands for one of the stable texts of the world."""
        return uuid5(NAMESPACE, text)

    @property
    def today(self) -> date:
        return date.fromisoformat(self.document["meta"]["as_of"])

    @property
    def names(self) -> dict[UUID, str]:
        return {
            self.id_of(row["id"]): row["id"]
            for key in ("events", "items")
            for row in self.document[key]
        }

    @property
    def statuses(self) -> list[ItemStatus]:
        return [
            ItemStatus(item_id=self.id_of(item["id"]), state=item["status"]["state"])
            for item in self.document["items"]
        ]

    @property
    def links(self) -> list[Link]:
        return [self.link(event) for event in self.document["events"]]

    def patched(self, patch: list[Row]) -> "DemoNation":
        """Return the world with a planted fault."""
        document = copy.deepcopy(self.document)
        for change in patch:
            collection, identifier, *path = change["path"]
            target = next(row for row in document[collection] if row["id"] == identifier)
            if change["op"] == "set":
                for key in path[:-1]:
                    target = target[key]
                target[path[-1]] = change["value"]
            elif change["op"] == "add":
                target[path[0]].append(change["value"])
            else:
                target[path[0]] = [r for r in target[path[0]] if r["event"] != path[1]]
        return DemoNation(document)

    def link(self, event: Row) -> Link:
        """Return an event as a link; an audit takes ratios as the items stand today."""
        item = self._item(event["item"])
        interval = _interval(event["calibrated_range"])
        statement = item["U"]
        if event["track"] != "main":
            statement = {
                "model": "absolute",
                "coefficient": max(result["U"] for result in event["results"]),
                "k": 2,
            }
        return Link(
            calibration_id=self.id_of(event["id"]),
            item_id=self.id_of(event["item"]),
            item_name_zh=item["name_zh"],
            item_name_en=item["name_en"],
            laboratory_zh=self._organization(event["maker"])["name_zh"],
            laboratory_en=self._organization(event["maker"])["name_en"],
            certificate_number=event["certificate_number"],
            kind=event["kind"],
            procedure_code=event["procedure"],
            performed_on=date.fromisoformat(event["performed_on"]),
            valid_until=event["valid_until"] and date.fromisoformat(event["valid_until"]),
            terminal_reason=event["terminal_reason"],
            interval=interval,
            uncertainty=UncertaintyStatement(
                model=statement["model"],
                coefficient=statement["coefficient"],
                coverage_factor=statement["k"],
                unit=interval.unit,
            ),
            references=tuple(
                self._reference(event, position, row)
                for position, row in enumerate(event["references"])
            ),
            track=event["track"],
        )

    def _reference(self, event: Row, position: int, row: Row) -> Reference:
        via = row["via"] or {"factor": None, "model_zh": None}
        return Reference(
            position=position,
            reference_id=self.id_of(row["event"]),
            method_zh=row["method_zh"],
            method_en=row["method_en"],
            basis=row["basis"],
            ratio=self._ratio(event, row),
            ratio_limit=row["rule_max"],
            at_value=row["at"]["value"],
            at_unit=row["at"]["unit"],
            user_value=row["child_point"],
            user_unit=row["child_unit"],
            conversion_factor=via["factor"],
            conversion_model=via["model_zh"],
            extension=row["extends"],
            interval=_interval(row["calibrated_range"]),
            standard_uncertainty=row["u_reference"],
            contributed_standard_uncertainty=row["u_in_child"],
        )

    def _ratio(self, event: Row, row: Row) -> float | None:
        used = self._event(row["event"])
        if row["rule_max"] is None or event["track"] != "main" or used["track"] != "main":
            stored: float | None = row["ratio"]
            return stored
        at, item = row["at"]["value"], self._item(used["item"])
        user_mpe = maximum_permissible_error(self._item(event["item"])["mpe"])
        return accuracy_ratio(
            basis_value=_limit(item["U"] if row["basis"] == "U" else item["mpe"], at),
            at_value=at,
            user_limit=user_mpe.limit_at(row["child_point"]),
            user_value=row["child_point"],
            conversion_factor=row["via"]["factor"] if row["via"] else None,
            extension=row["extends"],
        )

    def _item(self, identifier: str) -> Row:
        return next(row for row in self.document["items"] if row["id"] == identifier)

    def _event(self, identifier: str) -> Row:
        return next(row for row in self.document["events"] if row["id"] == identifier)

    def _organization(self, code: str) -> Row:
        return next(row for row in self.document["organizations"] if row["code"] == code)


def maximum_permissible_error(row: Row) -> MaximumPermissibleError:
    """Return an item's limit as the core takes it."""
    return MaximumPermissibleError(
        model=row["model"], coefficient=row["coefficient"], unit=row["unit"]
    )


def _interval(row: Row) -> MeasuringInterval:
    return MeasuringInterval(lower=row["min"], upper=row["max"], unit=row["unit"])


def _limit(statement: Row, value: float) -> float:
    return maximum_permissible_error(statement).limit_at(value)


@pytest.fixture(scope="session")
def demo_nation() -> DemoNation:
    return DemoNation(json.loads(NATION.read_text("utf-8")))
