"""A ledger goes in and out through the API and the command line of the demonstration.

It is 21 November 2026, and the power plant's first metrologist hands in a ledger.
"""

import json
from uuid import UUID

import pytest
from typer.testing import CliRunner

from service.cli import app as command_line
from service.demo import database as database_of_demo
from service.demo.world import identifier, read_world
from service.exchange import ledger_import
from service.store import items as item_store
from service.store import jobs as job_store
from service.tenancy import TenantSession
from tests.service.demonstration import demonstration_client

HEADER = "管理编号,器具名称,型号规格,出厂编号,测量范围,检定日期,有效期至\n"
GOOD = "NEW-1,压力表,Y-100,N 1,(0~1)MPa,2026.1.5,2027-01-04\n"
BAD = "NEW-2,压力表,Y-100,4.4E+12,(0~1)MPa,,\n"


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="application/json") as client:
        yield client


def hand_in(client, text, **fields):
    file = {"file": ("台账.csv", text.encode("gb18030"), "text/csv")}
    return client.post("/v1/imports", files=file, data=fields)


def test_a_ledger_is_shown_then_confirmed(client):
    shown = hand_in(client, HEADER + GOOD + BAD)
    address = shown.headers["location"]

    assert shown.status_code == 201
    assert shown.json()["state"] == "previewed"
    assert client.get(address).json() == shown.json()
    confirmed = client.put(f"{address}/confirmation")
    assert confirmed.status_code == 200
    assert confirmed.json()["counts"] == {
        "created": 1, "updated": 0, "unchanged": 0, "conflict": 0, "rejected": 1,
    }  # fmt: skip
    (answer,) = confirmed.json()["answers"]
    assert (answer["row"], answer["column"], answer["code"]) == (
        3, "serial_number", "damaged_number",
    )  # fmt: skip
    assert [row["id"] for row in client.get("/v1/imports").json()] == [shown.json()["id"]]
    assert client.put(f"{address}/confirmation").status_code == 409
    refused = client.get(f"{address}/refused-rows")
    assert refused.headers["content-type"] == "text/csv; charset=utf-8"
    assert "NEW-2" in refused.content.decode("gb18030")


def test_what_is_no_ledger_is_a_problem_that_says_why(client):
    answer = hand_in(client, "甲,乙\n1,2\n")

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/unreadable-file"
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/file", "unreadable-file")
    assert error["detail"].startswith("no_header: no row of the first 20 names columns we know")
    assert hand_in(client, HEADER + GOOD, layout="b99").status_code == 422
    assert hand_in(client, HEADER + GOOD, match_by="name").json()["errors"][0]["pointer"] == (
        "/match_by"
    )


def test_a_row_in_conflict_is_decided_by_a_person(client):
    shown = hand_in(client, HEADER + "X-1,压力表(换号),Y-150,0083105,,,\n").json()
    address = f"/v1/imports/{shown['id']}"

    (twin,) = shown["answers"]
    assert (twin["code"], twin["candidates"]) == ("same_plate", [str(identifier("TPP.PG.05"))])
    decided = client.put(f"{address}/decisions", json={"decisions": {"2": twin["candidates"][0]}})
    assert decided.json()["counts"]["updated"] == 1


def test_a_night_of_items_is_kept_in_step(client):
    night = {
        "match_by": "asset_number",
        "items": [
            {"asset_number": "ERP-1", "name_zh": "压力表", "range_text": "(0~1)MPa"},
            {"asset_number": "ERP-2", "name_zh": "温度计", "calibrated_on": "2026-02-30"},
        ],
    }

    first = client.patch("/v1/ledger", json=night)
    again = client.patch("/v1/ledger", json=night)
    whole = client.patch("/v1/ledger", json={**night, "all_or_nothing": True})

    assert first.json()["counts"]["created"] == 1
    assert first.json()["problems"][0]["pointer"] == "/items/1/calibrated_on"
    assert again.json()["counts"]["unchanged"] == 1
    assert again.json()["import_id"] is None
    assert whole.status_code == 422
    assert whole.json()["errors"][0]["code"] == "not_a_date"
    assert client.patch("/v1/ledger", json={"match_by": "id", "items": []}).status_code == 422
    unknown = {"match_by": "asset_number", "items": [{"asset_number": "A", "colour": "red"}]}
    assert client.patch("/v1/ledger", json=unknown).json()["errors"][0]["detail"] == (
        "unknown_column: a ledger has no column colour"
    )


def test_the_ledger_comes_out_in_every_layout(client):
    for layout in client.get("/v1/ledger/layouts").json():
        answer = client.get("/v1/ledger", params={"layout": layout["name"], "form": "csv"})
        assert answer.status_code == 200
        lines = answer.content.decode("utf-8-sig").splitlines()
        assert lines[1 if layout["title"] else 0].split(",") == layout["columns"]
    assert client.get("/v1/ledger", params={"layout": "b99"}).status_code == 422
    assert client.get("/v1/ledger", params={"form": "xlsx"}).content.startswith(b"PK")


def test_a_long_ledger_is_written_by_a_job_in_parts(client, demo):
    rows = "".join(f"J-{n},压力表,Y-100,J {n},(0~1)MPa,,\n" for n in range(5001))
    shown = hand_in(client, HEADER + rows).json()
    address = f"/v1/imports/{shown['id']}"

    queued = client.put(f"{address}/confirmation")
    assert (queued.status_code, queued.json()["state"]) == (202, "queued")
    assert (queued.json()["progress"], queued.json()["total"]) == (0, 5001)

    def plant(**values):
        return TenantSession(client.app.state.engine, identifier("TPP"), **values)

    with plant(read_only=True) as session:
        job = job_store.of_import(session, UUID(shown["id"]))
    assert job is not None
    ledger_import.run_job(plant, job.id, now=client.app.state.clock)

    done = client.get(address).json()
    assert (done["state"], done["progress"], done["counts"]["created"]) == ("applied", 5001, 5001)
    with plant(read_only=True) as session:
        written = [row for row in item_store.own(session) if row.name_zh == "压力表"]
        assert len(written) >= 5001


def test_the_command_line_takes_and_gives_a_ledger(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    database_of_demo.make(read_world(), progress=lambda _count: None)
    file = tmp_path / "ledger.csv"
    file.write_text(HEADER + GOOD + BAD, "utf-8")

    def run(*arguments):
        given = [*arguments, "--organization", "TPP"]
        return CliRunner().invoke(command_line, given, catch_exceptions=False)

    dry = run("import", str(file), "--dry-run", "--json")
    assert dry.exit_code == 3
    assert json.loads(dry.stdout)["counts"]["created"] == 1
    real = run("import", str(file), "--refused", str(tmp_path / "refused.csv"))
    assert real.exit_code == 3
    assert "1 created" in real.stderr
    assert "NEW-2" in (tmp_path / "refused.csv").read_text("utf-8-sig")
    again = run("import", str(file), "--json")
    assert json.loads(again.stdout)["counts"]["unchanged"] == 1
    assert run("export", "--layout", "b3", "--out", "b3.xlsx").exit_code == 0
    assert run("import", "b3.xlsx", "--layout", "b3").exit_code == 0
    assert "NEW-1" in run("export").stdout
