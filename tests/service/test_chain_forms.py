"""Programs of four kinds ask for the chain of one gauge, each in the form it can read."""

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import networkx as nx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.api import chains
from service.api.chains import form_accepted
from service.demo.world import identifier
from service.problems import add_problem_handlers
from service.web.drawing import draw_chain
from tests.service.demonstration import demonstration_client

GAUGE = identifier("ev:TPP.PG.05:2026-06-12")
PATH = f"/v1/calibrations/{GAUGE}/traceability-chain"


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="*/*") as whole:
        served: Any = whole.app
        app = FastAPI()
        app.state = served.state
        app.state.draw_chain = draw_chain
        app.include_router(chains.router, prefix="/v1")
        add_problem_handlers(app)
        yield TestClient(app, headers={"accept": "*/*"})


def asked(client, accept, **query):
    answer = client.get(PATH, headers={"accept": accept}, params=query)
    assert "Accept" in answer.headers["vary"]
    return answer


def test_a_program_without_wishes_gets_json(client):
    answer = asked(client, "*/*")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["unbroken"] is True


def test_graphml_is_read_by_others_as_the_same_graph(client, tmp_path):
    file = tmp_path / "chain.graphml"
    file.write_bytes(asked(client, "application/graphml+xml").content)

    graph = nx.read_graphml(file)

    steps = asked(client, "application/json").json()["result"]
    ids = []
    while steps:
        ids.append(steps["calibration_id"])
        steps = steps["steps"][0] if steps["steps"] else None
    assert set(graph.nodes) == set(ids)
    assert set(graph.edges()) >= set(pairwise(ids))


def test_dot_names_every_calibration(client):
    answer = asked(client, "text/vnd.graphviz")

    assert answer.text.startswith("digraph traceability {")
    assert str(GAUGE) in answer.text
    graph = nx.parse_graphml(asked(client, "application/graphml+xml").text)
    assert answer.text.count(" -> ") == graph.number_of_edges() > 0


@pytest.mark.parametrize(("language", "name"), [("zh", "国家"), ("en", "National")])
def test_the_block_diagram_is_a_picture_that_stands_alone(client, language, name):
    answer = asked(client, "image/svg+xml", lang=language)

    assert answer.headers["content-type"] == "image/svg+xml"
    assert ET.fromstring(answer.text).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 our own
    assert name in answer.text


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/*", chains.JSON),
        ("text/*", chains.DOT),
        ("image/*;q=0.2, text/*;q=0.1", chains.SVG),
        ("application/json;q=0, */*", chains.GRAPHML),
        ("application/graphml+xml, application/json;q=0.5", chains.GRAPHML),
        ("APPLICATION/GRAPHML+XML", chains.GRAPHML),
        ("text/html", None),
        ("image/svg+xml;q=much", None),
        ("", None),
    ],
)
def test_the_form_liked_best_is_chosen(accept, form):
    assert form_accepted(accept) == form


def test_a_form_that_there_is_not_is_a_problem(client):
    answer = client.get(PATH, headers={"accept": "text/html"})

    assert answer.status_code == 406
    assert answer.json()["type"] == "/problems/form-not-there"


@pytest.mark.parametrize("accept", chains.FORMS)
def test_a_foreign_chain_is_there_in_no_form(client, accept):
    foreign = identifier("ev:CEM.PG.01:2026-11-20")

    answer = client.get(
        f"/v1/calibrations/{foreign}/traceability-chain", headers={"accept": accept}
    )

    assert answer.status_code == 404
