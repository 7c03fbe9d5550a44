"""What a standard's new certificate makes of the uncertainties that rest on the old one.

Results already certified stay as they are: what is calculated here holds for future work with the
items whose calibrations rest on the replaced one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from uuid import UUID

import networkx as nx

from traceability.columns import uncertainty_at_its_point
from traceability.errors import UnknownCalibration
from traceability.graph import RECORDED_DIGITS, Link, Reference, build_graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Reevaluated:
    """A calibration that rests on the replaced one, as it is and as it would be.

    Attributes:
        before, after: standard uncertainty at the point where it used its first reference, in
            its own unit; None where it or a contribution is not on record.
        ratio_exceeded: whether an accuracy ratio that counts by U would exceed its rule.
    """

    link: Link
    before: float | None
    after: float | None
    ratio_exceeded: bool


def reevaluate(
    links: Iterable[Link], replaced_id: UUID, successor: Link
) -> tuple[Reevaluated, ...]:
    """Return what rests on a calibration, as it would be with its successor's uncertainty.

    A contribution grows as the standard uncertainty of the reference does where it was used; what
    the user adds itself stays. Nearest to the standard first.

    Args:
        links: the replaced calibration and all that rests on it.
        replaced_id: the calibration whose certificate is replaced.
        successor: the new calibration of the same standard.

    Raises:
        UnknownCalibration: the replaced one is not among the links.

    Source: JCGM 100:2008, 5.1.2, with the references' contributions uncorrelated.
    """
    by_id = {link.calibration_id: link for link in links}
    if replaced_id not in by_id:
        raise UnknownCalibration(replaced_id)
    users = build_graph(by_id.values()).reverse(copy=False)
    below = nx.descendants(users, replaced_id)
    order = [id_ for id_ in nx.topological_sort(users) if id_ in below]
    growth: dict[UUID, float | None] = {}
    found = []
    for id_ in order:
        link = by_id[id_]
        factors = [
            _growth_at(reference, by_id[replaced_id], successor)
            if reference.reference_id == replaced_id
            else growth.get(reference.reference_id, 1.0)
            for reference in link.references
        ]
        before = uncertainty_at_its_point(link)
        after = _after(link, before, factors)
        growth[id_] = after / before if before and after is not None else None
        found.append(
            Reevaluated(
                link=link,
                before=before,
                after=after,
                ratio_exceeded=any(map(_exceeds, link.references, factors)),
            )
        )
    return tuple(found)


def _growth_at(use: Reference, replaced: Link, successor: Link) -> float | None:
    """Return by how much u of the standard grows at the point of its use; None if unknown."""
    old, new = replaced.uncertainty, successor.uncertainty
    if old is None or new is None or old.unit != new.unit or use.at_value is None:
        return None
    u = use.standard_uncertainty or old.standard_at(use.at_value)
    return new.standard_at(use.at_value) / u if u else None


def _after(link: Link, before: float | None, factors: list[float | None]) -> float | None:
    contributed = [reference.contributed_standard_uncertainty for reference in link.references]
    if before is None:
        return None
    own = before**2
    grown = 0.0
    for part, factor in zip(contributed, factors, strict=True):
        if part is None or factor is None:
            return None
        own -= part**2
        grown += (part * factor) ** 2
    return sqrt(max(0.0, own) + grown)


def _exceeds(use: Reference, factor: float | None) -> bool:
    if use.basis != "U" or use.ratio is None or use.ratio_limit is None or factor is None:
        return False
    return use.ratio * factor > use.ratio_limit * (1 + RECORDED_DIGITS)
