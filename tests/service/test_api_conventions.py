"""A ledger system asks every night: what it may rely on is the same at every door.

Source: RFC 9110 13 (conditions), RFC 8288 (Link), RFC 9457 (problems), the Idempotency-Key draft.
"""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, func, select

from service.actions import items
from service.tables.items import Item
from service.tables.operations import AuditEntry, IdempotencyKey
from tests.proofs import how_many
from tests.service import books, entering
from tests.service.books import ACTOR


@pytest.fixture
def client(enter):
    return enter("metrologist", "wang")


@pytest.fixture
def ledger(open_as, clock):
    """Enter items into LAB's ledger."""

    def enter_items(count, **facts):
        with open_as("LAB") as session, session.begin():
            return [books.register(session, f"gauge {n:03}", **facts).id for n in range(count)]

    return enter_items


def make_key(client, key, **said):
    body = {"name": "nightly", "scopes": ["book:read"], "expires_at": "2026-04-01T00:00:00Z"}
    return client.post("/v1/api-keys", json=body | said, headers={"idempotency-key": key})


def authorise(client, key, until="2027-01-31"):
    me = client.get("/v1/people").json()[0]["id"]
    return client.post(
        f"/v1/people/{me}/authorisations",
        json={"procedure_code": "JJG 52", "valid_until": until},
        headers={"idempotency-key": key},
    )


def count(open_as, table):
    with open_as("LAB") as session:
        return session.exec(select(func.count(col(table.organization_id)))).one()


# --- Said again ----------------------------------------------------------------------------------


def test_a_request_said_again_has_one_effect_and_the_same_answer(enter):
    client = enter("administrator", "chen")

    first, again = authorise(client, "k-1"), authorise(client, "k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len(client.get("/v1/people").json()[0]["authorisations"]) == 1


def test_a_key_stands_for_one_request(enter):
    client = enter("administrator", "chen")
    authorise(client, "k-1")

    other = authorise(client, "k-1", until="2028-01-31")

    assert (other.status_code, other.json()["type"]) == (422, "/problems/key-used-otherwise")
    assert authorise(client, "k-2", until="2028-01-31").status_code == 201
    assert authorise(client, "k 3").json()["errors"][0]["pointer"] == "/Idempotency-Key"


def test_a_refusal_is_kept_by_no_key(enter, clock):
    client = enter("administrator", "chen")
    assert make_key(client, "k-1", expires_at="2026-01-01T00:00:00Z").status_code == 422

    clock.now -= timedelta(days=90)

    assert make_key(client, "k-1", expires_at="2026-01-01T00:00:00Z").status_code == 201


def test_a_secret_is_not_told_again_nor_kept(client, open_as):
    made = make_key(client, "k-1")

    again = make_key(client, "k-1")

    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-answered")
    assert len(client.get("/v1/api-keys").json()) == 1
    with open_as("LAB") as session:
        kept = session.exec(select(IdempotencyKey)).one().answer
    assert kept == {"headers": {}, "body": None}
    assert made.json()["key"].startswith("suyuan_")


def test_a_key_at_work_is_told_so(enter, open_as):
    """On PostgreSQL; on SQLite the second waits for the first."""
    client = enter("administrator", "chen")
    with open_as("LAB") as session, session.begin():
        locked = session.try_lock("idempotency k-1")
        if session.get_bind().dialect.name == "postgresql":
            answer = authorise(client, "k-1")
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/key-in-flight")

    assert locked
    assert authorise(client, "k-1").status_code == 201


def test_a_hundred_replays_at_once_have_one_effect(enter, app):
    client = enter("administrator", "chen")
    me = client.get("/v1/people").json()[0]["id"]
    cookies, times = dict(client.cookies), how_many(30, full=100)

    def ask(_n):
        with TestClient(app, "https://testserver", cookies=cookies) as one:
            return one.post(
                f"/v1/people/{me}/authorisations",
                json={"procedure_code": "JJG 52", "valid_until": "2027-01-31"},
                headers={"idempotency-key": "k-1"},
            )

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(times)))

    told = {answer.content for answer in answers if answer.status_code == 201}
    assert len(told) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(client.get("/v1/people").json()[0]["authorisations"]) == 1


# --- Conditions ----------------------------------------------------------------------------------


def test_a_change_says_of_what(client, ledger):
    path = f"/v1/items/{ledger(1)[0]}"
    etag = client.get(path).headers["etag"]

    assert client.get(path, headers={"if-none-match": etag}).status_code == 304
    assert client.patch(path, json={"use": "boiler"}).status_code == 428
    changed = client.patch(path, json={"use": "boiler"}, headers={"if-match": etag})
    assert changed.status_code == 200
    stale = client.patch(path, json={"use": "turbine"}, headers={"if-match": etag})
    assert stale.status_code == 412
    weak = client.patch(path, json={"use": "x"}, headers={"if-match": f"W/{etag}"})
    assert weak.status_code == 412
    assert changed.headers["etag"] == client.get(path).headers["etag"] != etag


def test_half_a_permissible_error_is_refused(client, ledger):
    path = f"/v1/items/{ledger(1)[0]}"
    headers = {"if-match": client.get(path).headers["etag"]}
    half = {"maximum_permissible_error_coefficient": 0.02,
            "maximum_permissible_error_model": None}  # fmt: skip

    refused = client.patch(path, json=half, headers=headers)
    done = client.patch(
        path, json=half | {"maximum_permissible_error_model": "absolute"}, headers=headers
    )

    assert refused.status_code == 422
    assert done.json()["maximum_permissible_error_coefficient"] == 0.02


def test_what_was_before_a_change_stays_in_the_audit_log(client, ledger, open_as):
    (item_id,) = ledger(1)
    path = f"/v1/items/{item_id}"
    said = {"status": "out_of_service", "asset_number": None}

    client.patch(path, json=said, headers={"if-match": client.get(path).headers["etag"]})

    with open_as("LAB") as session:
        last = session.exec(select(AuditEntry).order_by(col(AuditEntry.position).desc())).first()
    assert last.action == "item.changed"
    assert last.said == {"status": "in_use → out_of_service"}
    assert client.get(path).json()["status_since"] == "2026-03-02"


@pytest.mark.parametrize("said", [{"id": "1"}, {"period_months": 0}, {"status": "lost"}])
def test_a_change_that_cannot_be_is_pointed_at(client, ledger, said):
    path = f"/v1/items/{ledger(1)[0]}"

    answer = client.patch(path, json=said, headers={"if-match": "*"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(said))}"


# --- Lists ---------------------------------------------------------------------------------------


def test_pages_follow_one_another_and_hold_every_row_once(client, ledger):
    ids = ledger(7)

    path, found = "/v1/items?limit=3", []
    while path:
        answer = client.get(path)
        found += [row["id"] for row in answer.json()]
        path = answer.links.get("next", {}).get("url")

    assert found == sorted(map(str, ids))


def test_limits_and_cursors_that_cannot_be_are_told(client):
    for limit in (0, 201, -1):
        answer = client.get(f"/v1/items?limit={limit}")
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/limit-too-large")
    assert client.get("/v1/items?cursor=x").json()["errors"][0]["pointer"] == "/cursor"


def test_days_are_written_out_and_texts_can_be_stored(client):
    for said in ("0", "0.0", "2e-60", "1e99999", "-1", "2026-03"):
        answer = client.get("/v1/items", params={"updated_since": said})
        assert answer.status_code == 422, said
    answer = client.get("/v1/items", params={"serial_number": "SN\0"})
    assert answer.status_code in (200, 422)  # SQLite holds it, PostgreSQL does not


def test_a_ledger_learns_of_what_changed_since(client, ledger, open_as, clock):
    ids = ledger(3)
    clock.now += timedelta(minutes=20)
    since = clock.now.isoformat().replace("+00:00", "Z")
    with open_as("LAB") as session, session.begin():
        facts = {"status": "out_of_service"}
        items.change(session, ids[1], facts, actor_id=ACTOR, now=clock.now)

    told = client.get("/v1/items", params={"updated_since": since}).json()

    assert [(row["id"], row["status"]) for row in told] == [(str(ids[1]), "out_of_service")]


def test_the_whole_list_comes_as_a_stream(client, ledger, open_as):
    ids = ledger(5, use=None, type_designation="=1+1")

    lines = client.get("/v1/items?limit=2", headers={"accept": "application/x-ndjson"})
    sheet = client.get("/v1/items?limit=2", headers={"accept": "text/csv"})

    assert [json.loads(line)["id"] for line in lines.text.splitlines()] == sorted(map(str, ids))
    rows = list(csv.DictReader(StringIO(sheet.content.decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == sorted(map(str, ids))
    assert rows[0]["type_designation"] == "'=1+1"
    assert float(rows[0]["range_lower"]) == json.loads(lines.text.splitlines()[0])["range_lower"]
    assert count(open_as, Item) == 5


# --- Limits --------------------------------------------------------------------------------------


def test_every_answer_tells_what_is_left_and_beyond_it_comes_429(database, tmp_path, clock, names):
    with entering.application(database.application, tmp_path, clock, requests_a_minute=2) as app:
        client = entering.browser(app)
        first = client.get("/v1/roles")
        rest = [client.get("/v1/roles") for _ in range(10)]

    assert first.headers["ratelimit-limit"] == "10"
    assert first.headers["ratelimit-remaining"] == "9"
    assert rest[-1].status_code == 429
    assert int(rest[-1].headers["retry-after"]) <= 60
    assert rest[-1].headers["content-type"] == "application/problem+json"


def test_one_caller_has_less_than_an_address(database, tmp_path, clock, names):
    with entering.application(database.application, tmp_path, clock, requests_a_minute=4) as app:
        client = entering.entered(app, names.LAB, "viewer", "wang")
        answers = [client.get("/v1/people").status_code for _ in range(6)]

    assert answers == [200] * 4 + [429] * 2
