"""A chain written as GraphML and DOT tells the same to other programs."""

from dataclasses import replace
from io import BytesIO

import networkx as nx

from traceability.chain import trace
from traceability.exports import to_dot, to_graphml

GAUGE = "ev:TPP.PG.05:2026-06-12"


def test_graphml_reads_back_with_names_uncertainties_and_breaks(demo_nation):
    chain = trace(demo_nation.links, demo_nation.id_of(GAUGE))

    graph = nx.read_graphml(BytesIO(to_graphml(chain)), force_multigraph=True)

    standard = str(demo_nation.id_of("ev:TPP.PRES.M25:2026-03-17"))
    assert graph.number_of_nodes() == 5
    assert graph.nodes[chain.as_mapping()["calibration_id"]]["item_name_zh"].startswith(
        "一般压力表"
    )
    (edge,) = graph.get_edge_data(str(chain.calibration_id), standard).values()
    assert edge["contributed_standard_uncertainty"] == 0.000721688
    assert graph.graph["unbroken"] is True


def test_a_standard_used_twice_keeps_both_edges(demo_nation):
    links = {link.calibration_id: link for link in demo_nation.links}
    gauge = links[demo_nation.id_of(GAUGE)]
    twice = (gauge.references[0], replace(gauge.references[0], position=1))
    links[gauge.calibration_id] = replace(gauge, references=twice)

    chain = trace(links.values(), gauge.calibration_id)

    assert nx.read_graphml(BytesIO(to_graphml(chain)), force_multigraph=True).size() == 5
    assert to_dot(chain).count(" -> ") == 5


def test_names_with_quotes_and_control_characters_break_neither_form(demo_nation):
    links = {link.calibration_id: link for link in demo_nation.links}
    gauge = links[demo_nation.id_of(GAUGE)]
    links[gauge.calibration_id] = replace(gauge, item_name_en='a "gauge"\\ <&>\x00\x1b')

    chain = trace(links.values(), gauge.calibration_id)

    graph = nx.read_graphml(BytesIO(to_graphml(chain)), force_multigraph=True)
    assert graph.nodes[str(gauge.calibration_id)]["item_name_en"] == 'a "gauge"\\ <&>  '
    assert 'label="a \\"gauge\\"\\\\ <&>  "' in to_dot(chain)
