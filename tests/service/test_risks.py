"""Where the demonstration's traceability is missing, and which standards much of it hangs on."""

import json
import shutil
from datetime import date
from typing import Any
from uuid import UUID

import networkx as nx
import pytest
from typer.testing import CliRunner

from service import cli, networks, risks
from service.demo import database as database_of_demo
from service.demo.world import identifier, moment, read_world
from service.risks import Gap
from service.store import directory
from tests.service import books
from tests.service.books import calibrate, use
from tests.service.demonstration import demonstration_client
from tests.service.nation import act_for
from traceability.audit import calibration_in_force
from traceability.graph import Link, build_graph

ON = date(2026, 11, 21)
NOW = moment(ON, 18)


def over_all_books(engine):
    return risks.risks_over_books(engine, directory.organization_ids(engine), on=ON, known_at=NOW)


def test_what_is_lost_without_a_standard_is_what_brute_force_loses(demo, engine):
    """Each standard is taken out in turn, and every path to a root is looked for again."""
    found = over_all_books(engine)

    links = networks.all_links(engine, directory.organization_ids(engine), known_at=NOW)
    graph: Any = build_graph(links)
    by_item: dict[UUID | None, list[Link]] = {}
    for link in links:
        by_item.setdefault(link.item_id, []).append(link)
    newest = [calibration_in_force(own, on=ON) for own in by_item.values()]
    in_force = {link.calibration_id for link in newest if link}
    roots = {link.calibration_id for link in links if not link.references}
    assert len(found.concentrations) == 50
    for one in found.concentrations:
        gone = one.link.calibration_id
        resting = in_force & nx.ancestors(graph, gone)
        left = graph.copy()
        left.remove_node(gone)
        reached = set().union(*(nx.ancestors(left, root) | {root} for root in roots - {gone}))
        assert one.resting == len(resting)
        assert one.lost == len(in_force - reached - {gone})
        assert one.share == one.resting / len(in_force)


def test_the_demonstration_has_no_gap(demo, engine):
    found = over_all_books(engine)

    assert found.gaps == ()
    assert found.items == found.calibrated > 200


def test_each_gap_is_named_for_what_is_missing(open_as, story):
    """LAB owns a gauge that nobody calibrated, one that expired, one on a loose reference."""
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        never = books.register(session, "never").id
        expired = calibrate(
            session, "expired", date(2025, 7, 1), use(reference_id=story.reference),
            valid_until=date(2025, 12, 31),
        ).item_id  # fmt: skip
        loose = calibrate(session, "loose", date(2026, 1, 1))
        broken = calibrate(session, "broken", date(2026, 2, 1), use(reference_id=loose.id)).item_id

        found = risks.risks(session, on=date(2026, 3, 1), known_at=books.NOW)

    gaps = {one.item.id: one.gap for one in found.gaps}
    assert gaps == {
        never: Gap.NOT_CALIBRATED,
        expired: Gap.EXPIRED,
        broken: Gap.CHAIN_BROKEN,
        loose.item_id: Gap.CHAIN_BROKEN,
    }


def test_a_published_standard_of_the_own_book_is_counted_once(open_as, story):
    """LAB's reference stands in its book and, published, in the reference layer."""
    with open_as("LAB", read_only=True) as session:
        found = risks.risks(session, on=date(2026, 3, 1), known_at=books.NOW)

    lost = {one.link.calibration_id: (one.lost, one.resting) for one in found.concentrations}
    assert lost[story.reference] == (2, 2)  # the working standard and the meter
    assert lost[story.working] == (1, 1)
    assert story.published_reference not in lost


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        act_for(client, "TPP")
        yield client


def test_the_page_and_the_api_tell_the_same(client):
    said = client.get("/v1/risks", headers={"accept": "application/json"}).json()
    page = client.get("/risks", params={"lang": "en"}).text

    assert (said["on"], said["gaps"]) == ("2026-11-21", [])
    assert f"{said['items']} items in use" in page
    assert "No gaps" in page
    first = said["concentrations"][0]
    assert 0 < first["lost"] <= first["resting"]
    assert first["calibration"]["item_name_en"] in page
    assert client.get("/risks", params={"lang": "zh"}).text.count("失去全部溯源路径") == 1
    later = client.get("/risks", params={"on": "2029-01-01", "lang": "en"}).text
    assert "Items without a valid traceable result" in later


def test_the_command_tells_it_of_all_books(tmp_path, monkeypatch, templates):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUYUAN_DATABASE_URL", raising=False)
    there = tmp_path / database_of_demo.FOLDER
    there.mkdir()
    shutil.copyfile(templates("sqlite", "demo"), there / database_of_demo.NAME)

    whole = CliRunner().invoke(cli.app, ["risks", "--on", "2026-11-21", "--json"])
    later = CliRunner().invoke(cli.app, ["risks", "--on", "2029-01-01"])

    assert whole.exit_code == 0
    said = json.loads(whole.stdout)
    assert len(said["concentrations"]) == 50
    world = {str(identifier(event["id"])) for event in read_world().data["events"]}
    assert {one["calibration"]["id"] for one in said["concentrations"]} <= world
    assert later.exit_code == 3
    assert later.stdout.startswith("expired\t")
