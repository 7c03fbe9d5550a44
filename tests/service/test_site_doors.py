"""The sites of the demonstration's power plant by API, page and command.

Of its 85 items 53 stand in the production area, 12 in the switchyard, 7 in the standards room and
13 at the plant itself, 4 of these where coal is handled.
"""

import csv
import json
import re
import shutil
from html import unescape
from io import StringIO
from uuid import UUID

import pytest
from typer.testing import CliRunner

from service import clock
from service.cli import app
from service.demo import database as database_of_demo
from service.demo.world import moment, read_world
from tests.conftest import KEYS
from tests.service.planning import say

JSON = {"accept": "application/json"}
SITE = {"code": "COAL", "name_zh": "输煤系统", "name_en": "Coal handling",
        "address_zh": "示例路1号", "address_en": "1 Example Road"}  # fmt: skip


@pytest.fixture
def client(plant):
    client, story = plant
    person = story.signatories["calibrated"]
    client.post("/act-as", data={"person_id": str(person.id), "back": "/"})
    client.cookies.set("lang", "en")
    return client


def add(client, code, **said):
    answer = client.post(
        "/v1/sites", json=SITE | {"code": code, "name_zh": code, "name_en": code} | said
    )
    assert answer.status_code == 201, answer.text
    return answer


def shown(client, path="/sites"):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.text


def row_of(page, name):
    return next(row for row in page.split('<tr><th scope="row">')[1:] if name in row)


def form_of(page):
    """Return the fields of the form as a browser would send them."""
    form = page.split('id="form"')[1]
    return dict(re.findall(r'name="(\w+)"[^>]*? value="([^"]*)"', form))


def test_a_site_is_entered_changed_and_ended_by_the_api(client):
    added = add(client, "api", contact="gate 1")
    path = added.headers["location"]
    etag = client.get(path, headers=JSON).headers["etag"]

    assert client.patch(path, json={"contact": "gate 2"}).status_code == 428
    changed = client.patch(path, json={"contact": "gate 2"}, headers={"if-match": etag})
    stale = client.patch(path, json={"contact": "gate 3"}, headers={"if-match": etag})
    end = {"ended_on": "2026-11-20", "ended_because": "closed"}
    ended = client.patch(path, json=end, headers={"if-match": changed.headers["etag"]})

    assert added.headers["etag"] == etag
    assert (changed.status_code, changed.json()["contact"]) == (200, "gate 2")
    assert stale.status_code == 412
    assert ended.json() == client.get(path, headers=JSON).json()
    assert ended.json()["ended_on"] == "2026-11-20"
    known = client.get(path, headers={"if-none-match": ended.headers["etag"]})
    assert known.status_code == 304


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"code": "TPP-1"}, "/code"),
        ({"name_zh": "标准室"}, "/name_zh"),
        ({"name_zh": "A / B"}, "/name_zh"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_site_that_cannot_be_is_answered_with_its_pointer(client, changes, pointer):
    answer = client.post("/v1/sites", json=SITE | changes)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_the_list_comes_in_pages_and_whole_and_tells_what_changed(client):
    site = add(client, "listed").json()

    first = client.get("/v1/sites?limit=1", headers=JSON)
    lines = client.get("/v1/sites", headers={"accept": "application/x-ndjson"}).iter_lines()
    sheet = client.get("/v1/sites", headers={"accept": "text/csv"}).content.decode("utf-8-sig")
    since = client.get("/v1/sites", params={"updated_since": site["recorded_at"]}, headers=JSON)

    whole = [json.loads(line) for line in lines]
    assert first.json() == whole[:1]
    assert "next" in first.links
    assert [row["code"] for row in csv.DictReader(StringIO(sheet))] == [r["code"] for r in whole]
    assert site in since.json()
    assert "TPP-1" not in [row["code"] for row in since.json()]


def test_the_page_counts_what_stands_at_each_and_leads_to_it(client):
    for name, items in (("Example thermal power plant", 13), ("Production area", 53),
                        ("500 kV switchyard", 12), ("Standards room", 7)):  # fmt: skip
        row = row_of(shown(client), name)
        ledger, board = re.findall(r'href="(/(?:ledger|due)\?[^"]+)"', row)

        assert f">{items}<" in row
        assert re.search(rf"{items} items?<", shown(client, ledger))
        assert 'name="site"' in shown(client, board)


def test_the_board_and_its_csv_hold_what_is_due_at_a_site(client):
    room = row_of(shown(client), "Standards room")
    (board,) = re.findall(r'href="(/due\?[^"]+)"', room)

    rows = list(csv.DictReader(StringIO(client.get(board.replace("/due", "/due.csv")).text)))

    assert len(rows) >= 7
    assert {row["location"] for row in rows} == {"标准室"}


def test_the_figures_are_asked_of_one_site_down_to_their_rows(client):
    page = shown(client, "/figures")
    (switchyard,) = re.findall(r'<option value="([^"]+)">500 kV switchyard<', page)

    here = shown(client, f"/figures?site={switchyard}")
    rows = re.findall(r'href="(/figures/within_validity\?[^"]+)"', unescape(here))
    told = client.get(rows[0].replace("within_validity?", "within_validity.csv?")).text

    assert f'<option value="{switchyard}" selected>' in here
    assert f"site={switchyard}" in rows[0]
    assert 0 < len(list(csv.DictReader(StringIO(told)))) <= 12
    assert client.get("/figures?site=x").status_code == 422


def standards_room(client):
    sites = client.get("/v1/sites", headers=JSON).json()
    return next(row["id"] for row in sites if row["name_zh"] == "标准室")


@pytest.mark.parametrize("on", [None, "2026-06-30"])
def test_the_due_dates_of_one_site_are_asked_of_the_api(client, on):
    asked = {"site_id": standards_room(client), "limit": 200} | ({"on": on} if on else {})

    found = client.get("/v1/due-dates", params=asked, headers=JSON).json()

    items = {row["item_id"] for row in found}
    told = [client.get(f"/v1/items/{item}", headers=JSON).json() for item in items]
    assert [item["location"][-1] for item in told] == ["标准室"] * 7


def test_a_due_date_of_an_item_elsewhere_is_none_of_the_site(client):
    asked = {"site_id": standards_room(client)}
    everywhere = client.get("/v1/due-dates", params={"limit": 200}, headers=JSON).json()
    here = {row["item_id"] for row in client.get("/v1/due-dates", params=asked).json()}
    elsewhere = next(row["item_id"] for row in everywhere if row["item_id"] not in here)

    of_both = client.get("/v1/due-dates", params=asked | {"item_id": elsewhere}).json()

    assert of_both == []


def test_the_figures_of_one_site_and_their_rows_are_asked_of_the_api(client):
    asked = {"site_id": standards_room(client)}

    told = client.get("/v1/figures", params=asked, headers=JSON).json()
    rows = client.get("/v1/figures/within_validity/rows", params=asked, headers=JSON).json()

    assert told["figures"][0]["name"] == "within_validity"
    assert told["figures"][0]["of"] == len(rows) > 0
    here = {row["item_id"] for row in client.get("/v1/due-dates", params=asked).json()}
    assert {row["item_id"] for row in rows} <= here
    whole = client.get("/v1/figures", headers=JSON).json()
    assert 0 < sum(w["due"] for w in told["weeks"]) < sum(w["due"] for w in whole["weeks"])


@pytest.mark.parametrize("path", ["/v1/due-dates", "/v1/figures", "/v1/figures/conforming/rows"])
def test_of_a_site_that_is_not_there_nothing_is_told(client, path):
    for name, status in ((str(UUID(int=9)), 404), ("TPP-4", 422)):
        assert client.get(path, params={"site_id": name}).status_code == status


def test_the_hours_of_the_laboratory_choose_among_the_sites_and_tell_of_others(client):
    assert say(client, sites=[{"name": "生产现厂"}]).status_code == 200

    page = shown(client, "/plans/settings")

    places = page.split('<datalist id="places">')[1].split("</datalist>")[0]
    assert '<option value="生产现场">' in places
    assert "锅炉" not in places
    assert "生产现厂: no site of this name is known" in page


def test_a_ledger_that_is_handed_in_tells_what_stands_at_no_site(client):
    ledger = "管理编号,器具名称,出厂编号,安装使用地点\nNEW-7,压力表,N 7,别处\n"
    file = {"file": ("l.csv", ledger.encode(), "text/csv")}

    dropped = client.post("/imports", files=file)
    page = shown(client, dropped.headers["location"])

    assert "1 row stands at no known site." in page
    assert client.get(f"/v1{dropped.headers['location']}", headers=JSON).json()["at_no_site"] == 1


def test_a_site_is_entered_on_the_page_and_nothing_that_was_typed_is_lost(client):
    wrong = client.post("/sites", data=SITE | {"code": "TPP-1"})
    right = client.post("/sites", data=SITE)
    page = shown(client)

    assert wrong.status_code == 422
    assert "another site has it" in wrong.text
    assert 'value="Coal handling"' in wrong.text
    assert right.status_code == 303
    assert ">4<" in row_of(page, "Coal handling")
    assert ">9<" in row_of(page, "Example thermal power plant")
    place = next(row for row in client.get("/v1/sites", headers=JSON).json()
                 if row["code"] == "COAL")  # fmt: skip
    changed = form_of(shown(client, f"/sites?change={place['id']}")) | {
        "ended_on": "2026-11-20", "ended_because": "rebuilt",
    }  # fmt: skip
    assert client.post(f"/sites/{place['id']}", data=changed).status_code == 303
    ended = shown(client)
    assert "rebuilt" in row_of(ended, "Coal handling")
    assert ">13<" in row_of(ended, "Example thermal power plant")


def test_what_two_people_change_at_once_is_not_lost_unseen(client):
    path = add(client, "twice").headers["location"].removeprefix("/v1")
    site_id = path.rpartition("/")[2]
    form = form_of(shown(client, f"/sites?change={site_id}"))

    first = client.post(path, data=form | {"contact": "gate 1"})
    second = client.post(path, data=form | {"contact": "gate 2"})
    again = client.post(path, data=form_of(second.text))

    assert first.status_code == 303
    assert second.status_code == 422
    assert "Somebody changed it meanwhile" in second.text
    assert form_of(second.text)["contact"] == "gate 2"
    assert again.status_code == 303
    assert client.get(f"/v1{path}", headers=JSON).json()["contact"] == "gate 2"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"ended_on": "20 November", "ended_because": "x"}, "ended_on"),
        ({"ended_because": "x"}, "ended_on"),
        ({"ended_on": "2026-11-20"}, "ended_because"),
    ],
)
def test_an_end_is_a_day_and_a_reason(client, changed, field):
    code = f"end {field} {len(changed)} {changed.get('ended_on', '')}"
    site_id = add(client, code[:40]).json()["id"]
    form = form_of(shown(client, f"/sites?change={site_id}"))

    answer = client.post(f"/sites/{site_id}", data=form | changed)

    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text


def test_in_chinese_the_page_speaks_chinese(client):
    client.cookies.set("lang", "zh")

    page = shown(client)

    assert "<h1>场所</h1>" in page
    assert "500 kV 升压站" in page
    assert "switchyard" not in page
    client.cookies.set("lang", "en")


def test_whoever_may_not_change_items_reads_the_sites_and_changes_none(plant, client):
    _, story = plant
    person = story.signatories["approved"]
    client.post("/act-as", data={"person_id": str(person.id), "back": "/"})

    assert '<form method="post" action="/sites"' not in shown(client)
    assert client.post("/sites", data=SITE).status_code == 403
    assert client.post("/v1/sites", json=SITE).status_code == 403


def test_the_sites_are_kept_at_the_terminal(tmp_path, monkeypatch, templates):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUYUAN_DATABASE_URL", raising=False)
    there = tmp_path / database_of_demo.FOLDER
    there.mkdir()
    shutil.copyfile(templates("sqlite", "demo"), there / database_of_demo.NAME)
    (there / "lookup-key").write_text(KEYS.secret.hex())
    monkeypatch.setattr(clock, "now", lambda: moment(read_world().as_of, 18))

    def run(*arguments):
        return CliRunner().invoke(app, ["site", *arguments, "--organization", "TPP"])

    def read(*arguments):
        answer = CliRunner().invoke(app, [*arguments, "--organization", "TPP", "--json"])
        return json.loads(answer.stdout)

    due = read("due", "--site", "TPP-4", "--within", "36500")
    figures = read("figures", "--site", "TPP-4")
    unknown = CliRunner().invoke(app, ["figures", "--organization", "TPP", "--site", "TPP-9"])

    assert len({row["item_id"] for row in due}) == 7
    assert figures["figures"][0]["of"] <= 7
    assert unknown.exit_code == 2
    assert "there are: TPP-1, TPP-2, TPP-3, TPP-4" in " ".join(unknown.output.split())

    added = run("add", "COAL", "输煤系统", "--name-en", "Coal handling")
    listed = json.loads(run("list", "--json").stdout)
    ended = run("end", "COAL", "--last-on", "2026-11-20", "--reason", "rebuilt")
    left = json.loads(run("list", "--json").stdout)

    assert added.exit_code == 0, added.output
    assert {row["code"]: row["items"] for row in listed} == {
        "COAL": 4, "TPP-1": 9, "TPP-2": 53, "TPP-3": 12, "TPP-4": 7, None: 0,
    }  # fmt: skip
    assert ended.exit_code == 0, ended.output
    assert "COAL" not in {row["code"] for row in left}
    assert run("end", "NONE", "--last-on", "2026-11-20", "--reason", "x").exit_code == 2
    assert "TPP-2" in run("list").stdout
