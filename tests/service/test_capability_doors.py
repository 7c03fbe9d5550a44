"""The register of accredited capabilities by API, page and command, on the demonstration."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from service import clock
from service.cli import app
from service.demo import database as database_of_demo
from service.demo.world import identifier, moment, read_world
from tests.conftest import KEYS

JSON = {"accept": "application/json"}
LINE = {
    "quantity": "pressure", "lower": 0, "upper": 2.5, "unit": "MPa",
    "expression": "0.0002 + 2e-4*value", "accreditation": "CNAS L0000", "valid_from": "2026-01-01",
}  # fmt: skip
FORM = {name: str(value) for name, value in LINE.items()}


def as_approver(client, organization):
    """Act as the approver of an organization, in the demonstration."""
    world = read_world()
    person = next(
        row["id"] for row in world.data["people"]
        if row["org"] == organization and row["role"] == "approver"
    )  # fmt: skip
    answer = client.post("/act-as", data={"person_id": str(identifier(person)), "back": "/"})
    assert answer.status_code in (200, 303)


def test_a_line_is_entered_corrected_and_ended_by_the_api(plant):
    client, _ = plant
    as_approver(client, "TPP")

    entered = client.post("/v1/capabilities", json=LINE, headers=JSON)
    corrected = client.post(
        "/v1/capabilities", json=LINE | {"supersedes_id": entered.json()["id"]}, headers=JSON
    )
    again = client.post(
        "/v1/capabilities", json=LINE | {"supersedes_id": entered.json()["id"]}, headers=JSON
    )
    ended = client.post(
        f"/v1/capabilities/{corrected.json()['id']}/ending",
        json={"last_on": "2026-11-21", "reason": "reduced"}, headers=JSON,
    )  # fmt: skip
    held = client.get("/v1/capabilities?on=2026-11-21", headers=JSON).json()
    later = client.get("/v1/capabilities?on=2026-11-22", headers=JSON).json()

    assert [answer.status_code for answer in (entered, corrected, again, ended)] == [
        201, 201, 409, 201,
    ]  # fmt: skip
    assert [row["id"] for row in held] == [ended.json()["id"]]
    assert later == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"expression": "2*pressure"}, "/expression"),
        ({"upper": -1}, "/upper"),
        ({"unit": "bottle"}, "/unit"),
    ],
)
def test_a_line_that_cannot_be_is_answered_with_its_pointer(plant, changes, pointer):
    client, _ = plant
    as_approver(client, "TPP")

    answer = client.post("/v1/capabilities", json=LINE | changes, headers=JSON)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_the_page_lists_the_register_and_loses_nothing_that_was_typed(plant):
    client, _ = plant
    as_approver(client, "PROV")

    page = client.get("/capabilities").text
    wrong = client.post(
        "/capabilities", data=FORM | {"expression": "2*pressure", "note": "new one"}
    )
    right = client.post("/capabilities", data=FORM | {"note": "new one"}, follow_redirects=True)

    assert "示例CNAS L7001" in page
    assert wrong.status_code == 422
    assert 'value="2*pressure"' in wrong.text
    assert 'value="new one"' in wrong.text
    assert right.status_code == 200
    assert "2e-4*value" in right.text


def test_a_metrologist_reads_the_register_and_changes_nothing(plant):
    client, story = plant
    person = story.signatories["calibrated"]
    client.post("/act-as", data={"person_id": str(person.id), "back": "/"})

    assert '<form method="post" action="/capabilities"' not in client.get("/capabilities").text
    assert client.post("/capabilities", data=FORM).status_code == 403


def test_the_register_is_kept_at_the_terminal(tmp_path, monkeypatch, templates):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUYUAN_DATABASE_URL", raising=False)
    there = tmp_path / database_of_demo.FOLDER
    there.mkdir()
    shutil.copyfile(templates("sqlite", "demo"), there / database_of_demo.NAME)
    (there / "lookup-key").write_text(KEYS.secret.hex())
    monkeypatch.setattr(clock, "now", lambda: moment(read_world().as_of, 18))

    def run(*arguments):
        return CliRunner().invoke(app, ["capability", *arguments, "--organization", "TPP"])

    added = run("add", "pressure", "0", "1.6", "MPa", "0.006", "--accreditation", "CNAS L0000",
                "--valid-from", "2026-01-01")  # fmt: skip
    listed = run("list", "--json")
    ended = run("end", added.stdout.strip(), "--last-on", "2026-11-20", "--reason", "reduced")
    left = run("list", "--on", "2026-11-21", "--json")

    assert added.exit_code == 0, added.output
    assert [row["id"] for row in json.loads(listed.stdout)] == [added.stdout.strip()]
    assert ended.exit_code == 0, ended.output
    assert json.loads(left.stdout) == []
