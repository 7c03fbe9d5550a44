"""A chain written for other programs: GraphML and DOT. JSON is the chain's own `as_mapping`."""

from io import BytesIO
from unicodedata import category

import networkx as nx

from traceability.chain import ChainStep, TraceabilityChain
from traceability.graph import Reference

Attributes = dict[str, str | int | float | bool]


def to_graphml(chain: TraceabilityChain) -> bytes:
    """Return a chain as GraphML: nodes are calibrations, edges lead to their references.

    What is unknown is left out. Dates are ISO text; breaks are names joined by spaces.
    """
    stream = BytesIO()
    nx.write_graphml_xml(_graph(chain), stream)
    return stream.getvalue()


def to_dot(chain: TraceabilityChain) -> str:
    """Return a chain in the DOT language, references above their users."""
    graph = _graph(chain)
    lines = ["digraph traceability {", "  rankdir=BT;", "  node [shape=box];"]
    lines += [
        f"  {_quoted(node)} [{_dot_attributes(attributes, label='item_name_en')}];"
        for node, attributes in graph.nodes(data=True)
    ]
    lines += [
        f"  {_quoted(user)} -> {_quoted(reference)} "
        f"[{_dot_attributes(attributes, label='method_en')}];"
        for user, reference, attributes in graph.edges(data=True)
    ]
    return "\n".join([*lines, "}", ""])


def _graph(chain: TraceabilityChain) -> "nx.MultiDiGraph[str]":
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(
        calibration_id=str(chain.calibration_id), unbroken=chain.unbroken
    )
    for step in chain.walk():
        if not step.repeated:
            graph.add_node(str(step.calibration_id), **_node_attributes(step))
    for user in chain.walk():
        for step in user.steps:
            if step.reference is not None:
                graph.add_edge(
                    str(user.calibration_id),
                    str(step.calibration_id),
                    key=step.reference.position,
                    **_edge_attributes(step, step.reference),
                )
    return graph


def _node_attributes(step: ChainStep) -> Attributes:
    link = step.link
    attributes: dict[str, str | int | float | bool | None] = {
        "level": step.level,
        "documented": link is not None,
        "breaks": " ".join(found.flaw for found in step.breaks) or None,
    }
    if link is not None:
        attributes |= {
            "item_name_zh": link.item_name_zh or None,
            "item_name_en": link.item_name_en or None,
            "laboratory_zh": link.laboratory_zh or None,
            "laboratory_en": link.laboratory_en or None,
            "certificate_number": link.certificate_number,
            "kind": link.kind,
            "procedure_code": link.procedure_code,
            "performed_on": link.performed_on.isoformat(),
            "valid_until": link.valid_until.isoformat() if link.valid_until else None,
            "terminal_reason": link.terminal_reason,
        }
    return _known(attributes)


def _edge_attributes(step: ChainStep, reference: Reference) -> Attributes:
    return _known(
        {
            "position": reference.position,
            "method_zh": reference.method_zh,
            "method_en": reference.method_en,
            "value": step.value,
            "unit": step.unit,
            "expanded_uncertainty": step.expanded_uncertainty,
            "coverage_factor": step.coverage_factor,
            "standard_uncertainty": step.standard_uncertainty,
            "contributed_standard_uncertainty": step.contributed_standard_uncertainty,
            "user_unit": step.user_unit,
            "ratio": reference.ratio,
            "ratio_limit": reference.ratio_limit,
        }
    )


def _known(attributes: dict[str, str | int | float | bool | None]) -> Attributes:
    return {
        key: _printable(value) if isinstance(value, str) else value
        for key, value in attributes.items()
        if value is not None
    }


def _printable(text: str) -> str:
    """Return a text without control characters and lone surrogates: XML has no form for them."""
    return "".join(" " if category(character) in ("Cc", "Cs") else character for character in text)


def _dot_attributes(attributes: Attributes, *, label: str) -> str:
    shown = {"label": attributes.get(label, ""), **attributes}
    return ", ".join(f"{key}={_quoted(str(value))}" for key, value in shown.items())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
