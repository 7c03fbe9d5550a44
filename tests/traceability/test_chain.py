"""The chain of the story's pressure gauge, and of a ladder whose branches meet again.

TPP.PG.05, a 1.6-grade gauge of the power plant, rests by three standards on the national
pressure standard; all numbers are those of the demonstration world.
"""

import json
from datetime import date
from uuid import UUID

import pytest

from traceability.chain import trace
from traceability.errors import ChainTooDeep, UnknownCalibration
from traceability.graph import Flaw, Link, Reference

GAUGE = "ev:TPP.PG.05:2026-06-12"


def ladder(depth):
    """Return links where every step has two references and both are shared: 2 ** depth paths."""
    links = [
        Link(calibration_id=UUID(int=n), performed_on=date(2020, 1, 1), terminal_reason="root")
        for n in (1, 2)
    ]
    for rung in range(1, depth):
        links += [
            Link(
                calibration_id=UUID(int=2 * rung + n),
                performed_on=date(2020, 1, 1),
                references=tuple(
                    Reference(position=p, reference_id=UUID(int=2 * rung - 1 + p)) for p in (0, 1)
                ),
            )
            for n in (1, 2)
        ]
    return links


def test_the_gauge_leads_step_by_step_to_the_national_standard(demo_nation):
    chain = trace(demo_nation.links, demo_nation.id_of(GAUGE))

    items = [demo_nation.names[step.link.item_id] for step in chain.walk() if step.link]
    assert items == demo_nation.document["story"]["chain"]
    assert [step.level for step in chain.walk()] == list(range(len(items)))
    assert [step.link and step.link.terminal_reason for step in chain.ends] == ["si_realisation"]
    assert chain.unbroken


def test_each_step_shows_its_uncertainty_where_it_was_used(demo_nation):
    result, standard, *_ = trace(demo_nation.links, demo_nation.id_of(GAUGE)).walk()

    assert (result.expanded_uncertainty, result.coverage_factor) == (0.007, 2)
    assert (result.value, result.unit) == (0.8, "MPa")
    assert (standard.value, standard.unit) == (0.8, "MPa")
    assert standard.standard_uncertainty == 0.000721688  # MPE/√3 of the 25 MPa standard
    assert standard.contributed_standard_uncertainty == 0.000721688
    assert standard.reference
    assert standard.reference.method_en == "direct comparison"


def test_an_uncertainty_is_shown_in_the_unit_of_its_own_step(demo_nation):
    flow_standard = demo_nation.id_of("ev:N.LIQ.1:2024-04-26")

    _, weights, *_ = trace(demo_nation.links, flow_standard).walk()

    assert (weights.value, weights.unit, weights.user_unit) == (20.0, "kg", "m³/h")
    assert weights.standard_uncertainty
    assert weights.contributed_standard_uncertainty == pytest.approx(
        6 * weights.standard_uncertainty
    )


def test_a_break_stands_beside_the_step_that_has_it(demo_nation):
    fault = next(f for f in demo_nation.document["faults"] if f["id"] == "F4")
    nation = demo_nation.patched(fault["patch"])

    chain = trace(nation.links, nation.id_of("ev:TPP.PTR.04:2026-10-16"))

    beside = {nation.names[s.calibration_id]: s.breaks for s in chain.walk() if s.breaks}
    assert list(beside) == ["ev:P.PRES.P:2025-06-27"]
    assert [b.flaw for b in chain.breaks] == [Flaw.REFERENCE_NOT_VALID_WHEN_USED]
    assert not chain.unbroken


def test_on_a_day_long_after_the_chain_no_longer_holds(demo_nation):
    later = trace(demo_nation.links, demo_nation.id_of(GAUGE), on=date(2027, 1, 1))

    assert {b.flaw for b in later.breaks} == {Flaw.NOT_VALID_ON_DATE}
    assert later.result.breaks == (later.breaks[0],)


def test_branches_that_meet_again_are_shown_once():
    links = ladder(20)

    chain = trace(links, links[-1].calibration_id)

    steps = list(chain.walk())
    assert len(steps) == 1 + sum(
        len(link.references) for link in links if link.calibration_id != links[-2].calibration_id
    )
    assert sum(not step.repeated for step in steps) == len(links) - 1
    assert len(chain.ends) == 2


@pytest.mark.parametrize(("levels", "refused"), [(200, False), (201, True), (5000, True)])
def test_a_chain_deeper_than_any_hierarchy_is_refused_by_name(levels, refused):
    links = [
        Link(
            calibration_id=UUID(int=n + 1),
            performed_on=date(2020, 1, 1),
            references=(Reference(position=0, reference_id=UUID(int=n)),) if n else (),
        )
        for n in range(levels + 1)
    ]

    if refused:
        with pytest.raises(ChainTooDeep):
            trace(links, links[-1].calibration_id)
    else:
        assert json.dumps(trace(links, links[-1].calibration_id).as_mapping())


def test_an_undocumented_reference_is_a_step_without_a_link():
    user = Link(
        calibration_id=UUID(int=1),
        performed_on=date(2026, 1, 1),
        references=(Reference(position=0, reference_id=UUID(int=2)),),
    )

    chain = trace([user], UUID(int=1))

    assert chain.ends[0].link is None
    assert [b.flaw for b in chain.ends[0].breaks] == [Flaw.UNDOCUMENTED]


def test_the_chain_of_an_unknown_calibration_cannot_be_asked(demo_nation):
    with pytest.raises(UnknownCalibration):
        trace(demo_nation.links, UUID(int=1))


def test_the_mapping_is_json_and_tells_the_same(demo_nation):
    chain = trace(demo_nation.links, demo_nation.id_of(GAUGE))

    mapping = json.loads(json.dumps(chain.as_mapping(), allow_nan=False))

    standard = mapping["result"]["steps"][0]
    assert mapping["unbroken"] is True
    assert mapping["result"]["expanded_uncertainty"] == 0.007
    assert standard["reference"]["ratio"] == pytest.approx(0.048828, rel=1e-5)
    assert standard["reference"]["ratio_limit"] == 0.25
