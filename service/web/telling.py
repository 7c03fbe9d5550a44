"""From what the core found to what a page shows: chains, breaks and findings, made ready to print.

Floats become Decimals here, with the digits that people read.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from uuid import UUID

from service.web import fmt
from service.web.views import (
    Bilingual,
    CertificateStatus,
    ChainNode,
    ChainPage,
    ExpandedUncertainty,
    Fact,
    FindingGroup,
    FindingsPage,
    MeasuringInterval,
    Span,
    ToldBreak,
    certificate_status,
)
from traceability import graph
from traceability.audit import calibration_in_force
from traceability.chain import ChainStep, TraceabilityChain
from traceability.drawing import Language, draw
from traceability.graph import Break, Flaw, Link

NOBODY_KNOWS = Bilingual(zh="未记录", en="not recorded")
READ_DIGITS = 6
RATIO_DIGITS = 4


def decimal(value: float, digits: int = READ_DIGITS) -> Decimal:
    """Return a calculated number with so many significant digits, without trailing zeros."""
    return Decimal(f"{value:.{digits}g}")


def expanded_uncertainty(
    value: float, unit: str, coverage_factor: float, *, at: float | None = None
) -> ExpandedUncertainty:
    """Return U for reading: at most two digits, rounded up; relative to `at` if that is not 0."""
    return ExpandedUncertainty(
        value=fmt.two_digits(decimal(value)),
        unit=unit,
        coverage_factor=decimal(coverage_factor),
        relative=value / abs(at) if at else None,
    )


def measuring_interval(interval: graph.MeasuringInterval) -> MeasuringInterval:
    """Return a calibrated measuring interval for reading."""
    return MeasuringInterval(
        lower=decimal(interval.lower), upper=decimal(interval.upper), unit=interval.unit
    )


# --- Chains ------------------------------------------------------------------------------------


def chain_page(
    chain: TraceabilityChain,
    *,
    on: date,
    language: Language,
    levels: Mapping[UUID, Bilingual] | None = None,
) -> ChainPage:
    """Return the page of a chain that was traced with `on`, drawn in one language.

    `levels` names the level of a calibration's item, by calibration id, where it is known.
    """
    links = {step.calibration_id: step.link for step in chain.walk() if step.link}
    broken = {
        id_
        for found in chain.breaks
        if found.flaw != Flaw.NOT_VALID_ON_DATE
        for id_ in found.subjects
    }
    made = _Nodes(levels or {}, broken, on)
    told = [tell(found, links, on=on) for found in chain.breaks]
    result = made.node(chain.result)
    return ChainPage(
        result=result,
        boxes=made.first,
        drawing=draw(chain, language=language),
        on=on,
        breaks_when_used=tuple(one for one in told if one.flaw != Flaw.NOT_VALID_ON_DATE),
        breaks_on=tuple(one for one in told if one.flaw == Flaw.NOT_VALID_ON_DATE),
        ends=tuple(made.first[end.calibration_id] for end in chain.ends),
        levels={id_: getattr(level, language) for id_, level in (levels or {}).items()},
    )


class _Nodes:
    """Makes the nodes of one chain, remembering the first place of each calibration."""

    def __init__(self, levels: Mapping[UUID, Bilingual], broken: set[UUID], on: date) -> None:
        self.levels = levels
        self.broken = broken
        self.on = on
        self.first: dict[UUID, ChainNode] = {}

    def node(self, step: ChainStep) -> ChainNode:
        link, used = step.link, step.reference
        node = ChainNode(
            calibration_id=step.calibration_id,
            anchor=f"c-{step.calibration_id}",
            name=item_name(link),
            laboratory=laboratory(link),
            level=self.levels.get(step.calibration_id),
            performed_on=link.performed_on if link else None,
            valid_until=link.valid_until if link else None,
            certificate_number=link.certificate_number if link else None,
            status=_status(link, self.on),
            uncertainty=_uncertainty(step),
            interval=measuring_interval(link.interval) if link and link.interval else None,
            at=_with_unit(step.value, step.unit),
            procedure=link.procedure_code if link else None,
            method=_method(used),
            contributed=_contributed(step),
            terminal_reason=link.terminal_reason if link else None,
            claimed_terminal_reason=link.claimed_terminal_reason if link else None,
            repeated=step.repeated,
            broken=step.calibration_id in self.broken,
            nodes=tuple(self.node(behind) for behind in step.steps),
        )
        self.first.setdefault(step.calibration_id, node)
        return node


def _status(link: Link | None, on: date) -> CertificateStatus:
    if link is None:
        return CertificateStatus.EXPIRED
    ended = link.superseded_by(on)
    return certificate_status(
        on,
        link.valid_until,
        amended=ended and link.successor_id is not None,
        withdrawn=ended and link.successor_id is None,
    )


def _uncertainty(step: ChainStep) -> ExpandedUncertainty | None:
    if step.expanded_uncertainty is None or step.coverage_factor is None:
        return None
    return expanded_uncertainty(
        step.expanded_uncertainty, step.unit or "", step.coverage_factor, at=step.value
    )


def _contributed(step: ChainStep) -> tuple[Decimal, str] | None:
    u = _with_unit(step.contributed_standard_uncertainty, step.user_unit)
    return None if u is None else (fmt.two_digits(u[0]), u[1])


def _with_unit(value: float | None, unit: str | None) -> tuple[Decimal, str] | None:
    return None if value is None else (decimal(value), unit or "")


def _method(used: graph.Reference | None) -> Bilingual | None:
    if used is None or not (used.method_zh or used.method_en):
        return None
    return _bilingual(used.method_zh, used.method_en)


def item_name(link: Link | None) -> Bilingual:
    """Return the name of a link's item, in the other language where one has none."""
    return _bilingual(link.item_name_zh, link.item_name_en) if link else NOBODY_KNOWS


def laboratory(link: Link | None) -> Bilingual:
    """Return who made a link's calibration."""
    return _bilingual(link.laboratory_zh, link.laboratory_en) if link else NOBODY_KNOWS


def _bilingual(zh: str | None, en: str | None) -> Bilingual:
    if not zh and not en:
        return NOBODY_KNOWS
    return Bilingual(zh=zh or en or "", en=en or zh or "")


# --- Breaks and findings -----------------------------------------------------------------------


def tell(found: Break, links: Mapping[UUID, Link], *, on: date) -> ToldBreak:
    """Return a break of a chain with the names, dates and numbers of its sentence."""
    user = links.get(found.calibration_id) if found.calibration_id else None
    used = links.get(found.reference_id) if found.reference_id else None
    facts: dict[str, Fact] = {
        "on": on,
        **_facts_of_user(user),
        **_facts_of_reference(used),
        **_facts_of_use(user, found.reference_id),
    }
    if found.ratio is not None and found.ratio_limit is not None:
        facts |= {
            "ratio": decimal(found.ratio, RATIO_DIGITS),
            "ratio_limit": decimal(found.ratio_limit, RATIO_DIGITS),
        }
    return ToldBreak(flaw=found.flaw, facts=facts, calibration_id=found.calibration_id)


def _facts_of_user(user: Link | None) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "item": item_name(user),
        "laboratory": laboratory(user),
        "number": _number(user),
        "performed_on": NOBODY_KNOWS,
        "validity": NOBODY_KNOWS,
    }
    if user is not None:
        last = user.superseded_at.date() if user.superseded_at else user.valid_until
        facts |= {
            "performed_on": user.performed_on,
            "validity": Span(first=user.performed_on, last=last),
        }
    return facts


def _facts_of_reference(used: Link | None) -> dict[str, Fact]:
    ended = used.superseded_at.date() if used and used.superseded_at else None
    return {
        "reference": item_name(used),
        "reference_number": _number(used),
        "reference_performed_on": used.performed_on if used else NOBODY_KNOWS,
        "reference_valid_until": (used and used.valid_until) or NOBODY_KNOWS,
        "reference_superseded_on": ended or NOBODY_KNOWS,
        "reference_interval": (
            measuring_interval(used.interval) if used and used.interval else NOBODY_KNOWS
        ),
    }


def _facts_of_use(user: Link | None, reference_id: UUID | None) -> dict[str, Fact]:
    uses = user.references if user else ()
    interval = next((use.interval for use in uses if use.reference_id == reference_id), None)
    return {"interval": measuring_interval(interval) if interval else NOBODY_KNOWS}


def _number(link: Link | None) -> Bilingual | str:
    return (link and link.certificate_number) or NOBODY_KNOWS


def findings_page(
    findings: Iterable[Break],
    links: Iterable[Link],
    names: Mapping[UUID, Bilingual],
    *,
    on: date,
) -> FindingsPage:
    """Return the page of an audit: its findings by flaw, the flaw with the most first.

    `names` are those of all items that were looked at, by id.
    """
    links = tuple(links)
    by_id = {link.calibration_id: link for link in links}
    groups: defaultdict[Flaw, list[ToldBreak]] = defaultdict(list)
    for found in findings:
        told = tell(found, by_id, on=on) if found.calibration_id else None
        groups[found.flaw].append(told or _tell_of_items(found, links, names, on=on))
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return FindingsPage(
        on=on,
        groups=tuple(FindingGroup(flaw=flaw, findings=tuple(told)) for flaw, told in ordered),
        items_checked=len(names),
        events_checked=len(links),
        references_checked=sum(len(link.references) for link in links),
    )


def _tell_of_items(
    found: Break, links: tuple[Link, ...], names: Mapping[UUID, Bilingual], *, on: date
) -> ToldBreak:
    items = tuple(names.get(id_, NOBODY_KNOWS) for id_ in found.item_ids)
    newest = calibration_in_force((link for link in links if link.item_id in found.item_ids), on=on)
    valid_until = (newest and newest.valid_until) or NOBODY_KNOWS
    return ToldBreak(
        flaw=found.flaw,
        facts={"items": items, "on": on, "valid_until": valid_until},
        calibration_id=newest.calibration_id if newest and len(items) == 1 else None,
        item_ids=found.item_ids,
    )


# --- Levels ------------------------------------------------------------------------------------

LEVELS_IN_ENGLISH: Mapping[str, str] = {
    "国家计量基准": "National primary standard",
    "国家工作基准/计量标准": "National working standard",
    "国家一级标准物质": "National primary reference material",
    "国家二级标准物质 GBW(E)": "National secondary reference material GBW(E)",
    "社会公用计量标准": "Public measurement standard",
    "社会公用计量标准(省级最高)": "Highest public standard of the province",
    "社会公用计量标准(省级)": "Public standard of the province",
    "社会公用计量标准(市级)": "Public standard of the city",
    "部门最高计量标准": "Highest standard of the department",
    "部门计量标准": "Standard of the department",
    "企业最高计量标准": "Highest standard of the enterprise",
    "企业计量标准": "Standard of the enterprise",
    "工作计量器具": "Working measuring instrument",
}


def level_name(zh: str) -> Bilingual:
    """Return the name of a level as the books write it, in both languages where we know it."""
    return Bilingual(zh=zh, en=LEVELS_IN_ENGLISH.get(zh, zh))
