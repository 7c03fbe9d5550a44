"""A standard is found out of tolerance: who asks, and what the doors answer.

The province's piston gauge was calibrated on 27 June 2025 and is taken to have given values that
were too high since the end of June 2026; the data are the demonstration's.
"""

from math import erfc, sqrt
from uuid import UUID, uuid4

import pytest
from sqlmodel import SQLModel, func, select

from service.api.paging import cursor_of
from service.demo.world import identifier, read_world
from tests.service.nation import (
    PISTON,
    act_for,
    doors_of_the_network,
    in_book_of,
    names_of,
    resting_on,
)

LAST_GOOD, FOUND = "2026-06-30", "2026-11-21"


@pytest.fixture
def doors(demo, database, keys, tmp_path):
    with doors_of_the_network(demo, database, keys, tmp_path) as client:
        act_for(client, "PROV")
        yield client


def fault(error=0.001, **changes):
    return {
        "last_good_on": LAST_GOOD,
        "found_on": FOUND,
        "unit": "MPa",
        "as_found": [{"value": 0, "error": error}, {"value": 60, "error": error}],
        "assumption": "step_at_start",
    } | changes


def recall_of(doors, calibration_id, said=None, **query):
    return doors.post(
        f"/v1/calibrations/{calibration_id}/recall", json=said or fault(), params=query
    )


def published_by_its_chain(doors, code, event):
    """Return the id of the piston gauge as another book's own chain names it."""
    act_for(doors, code)
    chain = doors.get(f"/v1/calibrations/{identifier(event)}/traceability-chain").json()
    return chain["result"]["steps"][0]["calibration_id"]


def pointers(response):
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return [error["pointer"] for error in response.json()["errors"]]


# ── What rests on it ─────────────────────────────────────────────────────────────────────────


def test_the_dependents_are_those_of_the_book_by_level(doors, demo):
    said = doors.get(f"/v1/calibrations/{identifier(PISTON)}/dependents").json()

    names = names_of(demo)
    mine = in_book_of(demo, "PROV", resting_on(demo, PISTON))
    assert {names[row["id"]] for row in said["dependents"]} == mine
    assert said["levels"] == [
        {"level": 1, "calibrations": 10, "valid": 9, "expired": 1, "superseded": 0, "withdrawn": 0}
    ]
    assert said["items_relying"] == 9
    assert said["calibration"]["certificate_number"] == "NIM-2025-00011"


def test_a_customer_asks_by_the_id_that_its_own_chain_names(doors, demo):
    piston = published_by_its_chain(doors, "CEM", "ev:CEM.PRES.D:2026-08-26")

    said = doors.get(f"/v1/calibrations/{piston}/dependents").json()

    names = names_of(demo)
    found = {names[row["id"]] for row in said["dependents"] if not row["is_published"]}
    assert found == in_book_of(demo, "CEM", resting_on(demo, PISTON))
    assert [row["level"] for row in said["levels"]] == [1, 2]


def test_days_and_moments_are_asked_under_their_two_names(doors):
    path = f"/v1/calibrations/{identifier(PISTON)}/dependents"

    then = doors.get(path, params={"on": "2026-04-30"}).json()
    known = doors.get(path, params={"known_at": "2026-04-30T00:00:00Z"}).json()
    before = doors.get(path, params={"on": "2025-06-26"})

    assert len(then["dependents"]) == len(known["dependents"]) == 6
    assert before.status_code == 404


@pytest.mark.parametrize("verb", ["dependents", "recall"])
def test_a_foreign_calibration_is_not_there(doors, verb):
    act_for(doors, "TPP")
    for id_ in (identifier("ev:CEM.PRES.D:2026-08-26"), identifier("ev:CEM.PG.01:2026-11-20")):
        path = f"/v1/calibrations/{id_}/{verb}"
        answer = doors.post(path, json=fault()) if verb == "recall" else doors.get(path)
        nobody = str(answer.json()).replace(str(id_), "")

        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        unknown = path.replace(str(id_), str(uuid4()))
        other = doors.post(unknown, json=fault()) if verb == "recall" else doors.get(unknown)
        assert str(other.json()).replace(unknown.split("/")[3], "") == nobody


# ── What becomes of it ───────────────────────────────────────────────────────────────────────


def test_the_recall_of_each_book_is_what_was_made_in_the_window_and_what_rests_on_that(doors, demo):
    """Fault F4 of the world counts from the same day: the cement works finds its review list."""
    reached = resting_on(demo, PISTON, after=LAST_GOOD, until=FOUND)
    names = names_of(demo)

    province = recall_of(doors, identifier(PISTON)).json()
    piston = published_by_its_chain(doors, "CEM", "ev:CEM.PRES.D:2026-08-26")
    cement = recall_of(doors, piston).json()

    f4 = read_world("F4").fault
    assert f4 is not None
    flawed = {row["ids"][0] for row in f4["expect"] if row["type"] != "overdue"}
    assert {names[row["id"]] for row in province["calibrations"]} == flawed
    assert {names[row["id"]] for row in cement["calibrations"]} == in_book_of(demo, "CEM", reached)
    assert set(f4["impact"]) < {names[row["id"]] for row in cement["calibrations"]}
    assert reached == flawed | set(f4["impact"])


def test_every_result_of_an_affected_calibration_is_listed_with_its_path(doors, demo):
    piston = published_by_its_chain(doors, "CEM", "ev:CEM.PRES.D:2026-08-26")
    events = {row["id"]: row for row in demo.data["events"]}
    names = names_of(demo)

    said = recall_of(doors, piston).json()

    listed = sorted((names[row["calibration_id"]], row["value"]) for row in said["affected"])
    ids = [names[row["id"]] for row in said["calibrations"]]
    assert listed == sorted((id_, row["nominal"]) for id_ in ids for row in events[id_]["results"])
    gauge = next(r for r in said["affected"] if names[r["calibration_id"]].startswith("ev:CEM.PG"))
    assert [names.get(id_, "published") for id_ in gauge["path"]][1:] == [
        "ev:CEM.PRES.D:2026-08-26",
        "published",
    ]


def test_an_error_of_the_standard_moves_the_result_and_its_probability(doors, demo):
    """The module read 0.00069 MPa too high at 2.5 MPa; the value it was compared with, 0.001."""
    said = recall_of(doors, identifier(PISTON), fault(last_good_on="2026-03-01")).json()

    module = identifier("ev:TPP.PRES.M25:2026-03-17")
    row = next(
        r for r in said["affected"] if r["calibration_id"] == str(module) and r["value"] == 2.5
    )
    corrected, u, limit = 0.00069 + 0.001, 0.00063 / 2, 0.00125
    expected = 0.5 * (
        erfc((limit - corrected) / u / sqrt(2)) + erfc((limit + corrected) / u / sqrt(2))
    )
    assert row["shift"] == pytest.approx(0.001)
    assert row["corrected_error"] == pytest.approx(corrected)
    assert row["probability_of_nonconformity"] == pytest.approx(expected)
    assert (row["recorded_verdict"], row["corrected_verdict"]) == ("conforming", "nonconforming")
    assert row["is_overturned"]
    assert row["customer_id"] == str(identifier("TPP"))
    assert [r["is_overturned"] for r in said["affected"]] == sorted(
        (r["is_overturned"] for r in said["affected"]), reverse=True
    )


def test_each_customer_is_counted_by_name(doors):
    said = recall_of(doors, identifier(PISTON), fault(last_good_on="2025-06-27")).json()

    counted = {row["name_zh"]: row["results"] for row in said["customers"]}
    assert sum(counted.values()) == len(said["affected"])
    assert {row["customer_id"] for row in said["customers"]} == {
        str(identifier(code)) for code in ("CITY", "CEM", "STL", "TPP")
    }
    assert None not in counted


def test_the_assumption_decides_how_much(doors):
    shifts = {}
    for assumption in ("step_at_start", "linear", "worst_case"):
        said = recall_of(doors, identifier(PISTON), fault(assumption=assumption)).json()
        assert said["assumption"] == assumption
        shifts[assumption] = max(row["shift"] for row in said["affected"])

    assert 0 < shifts["linear"] < shifts["step_at_start"] == shifts["worst_case"] == 0.001


def test_an_item_calibrated_anew_from_a_good_standard_is_closed(doors):
    """The cement works' gauge CEM.PRES.D of September 2025 was calibrated again in August 2026."""
    said = fault(last_good_on="2025-06-27", found_on="2026-06-30")

    then = recall_of(doors, identifier(PISTON), said, on="2026-08-25").json()
    later = recall_of(doors, identifier(PISTON), said, on="2026-08-26").json()

    first = str(identifier("ev:CEM.PRES.D:2025-09-02"))
    open_then = {row["is_open"] for row in then["affected"] if row["calibration_id"] == first}
    open_later = {row["is_open"] for row in later["affected"] if row["calibration_id"] == first}
    assert (open_then, open_later) == ({True}, {False})


def test_outside_the_points_nothing_is_known(doors):
    narrow = fault(as_found=[{"value": 0, "error": 0.001}, {"value": 1, "error": 0.001}])

    said = recall_of(doors, identifier(PISTON), narrow).json()

    unknown = [row for row in said["affected"] if row["shift"] is None]
    assert unknown
    assert {row["corrected_verdict"] for row in unknown} == {"unknown"}
    assert all(row["corrected_error"] is None for row in unknown)


def test_uses_outside_the_window_are_told_as_untouched(doors, demo):
    said = recall_of(doors, identifier(PISTON)).json()

    names = names_of(demo)
    direct = in_book_of(demo, "PROV", resting_on(demo, PISTON))
    assert {names[row["id"]] for row in said["untouched"]} == direct - {
        names[row["id"]] for row in said["calibrations"]
    }


# ── What cannot be asked ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"unit": "kPa"}, "/unit"),
        ({"found_on": LAST_GOOD}, "/found_on"),
        ({"as_found": []}, "/as_found"),
        ({"as_found": [{"value": 2, "error": 0}, {"value": 1, "error": 0}]}, "/as_found"),
        ({"as_found": [{"value": 1, "error": 0}, {"value": 1, "error": 1}]}, "/as_found"),
        ({"as_found": [{"value": 1, "error": "x"}]}, "/as_found/0/error"),
        ({"as_found": [{"value": 1, "error": "NaN"}]}, "/as_found/0/error"),
        ({"as_found": [{"value": 1, "error": 0, "unit": "MPa"}]}, "/as_found/0/unit"),
        ({"standard_uncertainty": -1}, "/standard_uncertainty"),
        ({"assumption": "it just happened"}, "/assumption"),
        ({"last_good_on": "yesterday"}, "/last_good_on"),
        ({"known_at": "2026-01-01"}, "/known_at"),
    ],
)
def test_what_is_wrong_is_pointed_at(doors, changes, pointer):
    assert pointer in pointers(recall_of(doors, identifier(PISTON), fault(**changes)))


@pytest.mark.parametrize("query", [{"known_at": "2026-01-01T00:00:00"}, {"on": "2026-02-30"}])
def test_a_moment_without_its_zone_and_a_day_that_is_none_are_refused(doors, query):
    assert pointers(recall_of(doors, identifier(PISTON), **query)) == [f"/{next(iter(query))}"]


def test_asking_writes_nothing(doors, owner):
    def counted():
        with owner.connect() as connection:
            return {
                table.name: connection.scalar(select(func.count()).select_from(table))
                for table in SQLModel.metadata.sorted_tables
            }

    before = counted()
    assert recall_of(doors, identifier(PISTON)).status_code == 200
    assert before["audit_entry"] > 0
    assert counted() == before


# ── A recall that is recorded ────────────────────────────────────────────────────────────────


def recorded(doors, **said):
    act_for(doors, "PROV")
    content = fault() | {"calibration_id": str(identifier(PISTON))} | said
    return doors.post("/v1/recalls", json=content)


def test_a_recall_is_opened_told_and_settled_by_api(doors):
    opened = recorded(doors)
    recall = opened.json()
    there = f"/v1/recalls/{recall['id']}"

    letters = doors.post(f"{there}/letters").json()
    first, *others = [row["item_id"] for row in recall["affected"]]
    assert doors.post(f"{there}/re-verifications").json() == []
    closed = doors.post(f"{there}/closings", json={"item_id": first, "statement": "scrapped"})
    for item_id in others:
        doors.post(f"{there}/closings", json={"item_id": item_id, "statement": "scrapped"})
    done = doors.get(there).json()

    assert (opened.status_code, closed.status_code) == (201, 201)
    assert (recall["results"], recall["overturned"], recall["items"]) == (9, 3, 3)
    assert {row["customer_id"] for row in letters} == {
        str(identifier("CEM")), str(identifier("TPP")),
    }  # fmt: skip
    assert recall["closed_at"] is None
    assert (done["items_closed"], done["closed_at"] is not None) == (3, True)
    assert all(row["told_at"] for row in done["affected"])
    (listed,) = doors.get("/v1/recalls").json()
    assert listed == {name: value for name, value in done.items() if name != "affected"}


def test_the_customer_finds_the_letter_in_its_inbox_and_takes_it_in(doors):
    recall = recorded(doors).json()
    doors.post(f"/v1/recalls/{recall['id']}/letters")
    act_for(doors, "CEM")

    (notice,) = doors.get("/v1/notices").json()
    taken_in = doors.post(f"/v1/notices/{notice['id']}/receipt")
    again = doors.post(f"/v1/notices/{notice['id']}/receipt")

    assert notice["content"]["recall_id"] == recall["id"]
    assert (notice["taken_in_at"], taken_in.status_code) == (None, 201)
    assert taken_in.json()["taken_in_at"] is not None
    assert again.status_code == 409
    assert doors.get("/v1/notices", params={"cursor": cursor_of(UUID(notice["id"]))}).json() == []
    act_for(doors, "STL")
    assert doors.get(f"/v1/notices/{notice['id']}").status_code == 404
    assert doors.get(f"/v1/recalls/{recall['id']}").status_code == 404


def test_a_recall_that_cannot_be_is_not_recorded(doors):
    unknown = recorded(doors, calibration_id=str(identifier("nothing")))
    in_other_units = recorded(doors, unit="kPa")
    settled = doors.post(
        f"/v1/recalls/{recorded(doors).json()['id']}/closings",
        json={"item_id": str(identifier("nothing"))},
    )

    assert (unknown.status_code, in_other_units.status_code) == (404, 422)
    assert in_other_units.json()["errors"][0]["pointer"] == "/unit"
    assert settled.status_code == 404
    assert len(doors.get("/v1/recalls").json()) == 1
