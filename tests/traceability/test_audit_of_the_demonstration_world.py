"""The demonstration world audits clean, and each planted fault shows exactly what it plants."""

import pytest

from traceability.audit import audit
from traceability.errors import TraceabilityBroken
from traceability.graph import Flaw, build_graph, find_breaks, require_unbroken

FAULTS = ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8")


def findings(nation):
    names = nation.names
    return {
        (str(found.flaw), *(names[id_] for id_ in found.subjects))
        for found in audit(nation.links, nation.statuses, on=nation.today)
    }


def expected(fault):
    return {(finding["type"], *finding["ids"]) for finding in fault["expect"]}


def fault_of(nation, code):
    return next(fault for fault in nation.document["faults"] if fault["id"] == code)


def test_the_world_audits_clean(demo_nation):
    assert audit(demo_nation.links, demo_nation.statuses, on=demo_nation.today) == ()


@pytest.mark.parametrize("code", FAULTS)
def test_a_planted_fault_shows_exactly_its_findings(demo_nation, code):
    fault = fault_of(demo_nation, code)

    found = findings(demo_nation.patched(fault["patch"]))

    assert found == expected(fault)


def test_a_degraded_device_exceeds_the_ratio_by_known_numbers(demo_nation):
    fault = fault_of(demo_nation, "F3")
    nation = demo_nation.patched(fault["patch"])

    found = audit(nation.links, nation.statuses, on=nation.today)

    assert {nation.names[b.calibration_id]: b.ratio for b in found} == {
        finding["ids"][0]: pytest.approx(finding["ratio"], rel=1e-5) for finding in fault["expect"]
    }
    assert {b.ratio_limit for b in found} == {0.333333}


def test_a_verification_by_an_expired_standard_is_refused_a_certificate(demo_nation):
    fault = fault_of(demo_nation, "F8")
    attempt = demo_nation.link(fault["attempt"]["event"])
    graph = build_graph([*demo_nation.links, attempt])
    refusal = fault["expect_refusal"]

    with pytest.raises(TraceabilityBroken) as refused:
        require_unbroken(graph, attempt.calibration_id)

    assert [(str(found.flaw), *found.subjects) for found in refused.value.breaks] == [
        (refusal["type"], *map(demo_nation.id_of, refusal["ids"]))
    ]


def test_every_chain_of_the_world_is_unbroken(demo_nation):
    graph = build_graph(demo_nation.links)

    broken = {node for node in graph if find_breaks(graph, node)}

    assert broken == set()
    assert len(graph) == 574


def test_a_path_that_ends_is_told_once_in_the_chain_and_of_all_in_the_audit(demo_nation):
    fault = fault_of(demo_nation, "F4")
    pressure_standard = "ev:P.PRES.P:2025-06-27"
    nation = demo_nation.patched(
        [
            {
                "op": "remove",
                "path": ["events", pressure_standard, "references", reference["event"]],
            }
            for event in demo_nation.document["events"]
            if event["id"] == pressure_standard
            for reference in event["references"]
        ]
    )
    gauge = nation.id_of(fault["impact"][0])

    in_chain = [b.flaw for b in find_breaks(build_graph(nation.links), gauge)]
    audited = findings(nation)

    assert in_chain == [Flaw.NO_PATH_TO_ROOT]
    assert {
        ("no_path_to_root", pressure_standard),
        ("no_path_to_root", fault["impact"][0]),
    } <= audited
