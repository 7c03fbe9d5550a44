"""The figures of LAB's book, counted by hand from a few gauges; and each down to its rows."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import figures
from service.actions import calibrations, digests, items
from service.figures import FigureName, FigureRow, figure
from service.store.figures import Named
from tests.service import books
from tests.service.books import ACTOR, NOW
from tests.service.demonstration import demonstration_client
from tests.service.nation import act_for
from tests.service.planning import SETTINGS, say

TODAY = date(2026, 3, 1)
FIRST, LAST = date(2026, 1, 1), date(2026, 3, 1)
GAUGE = Named(ACTOR, "表", "gauge", "1")


@pytest.fixture
def calibrated(open_as):
    """Enter a gauge of LAB, calibrated on a day with a verdict, or none."""

    def calibrated(name, day, verdict=None, *, is_adjusted=False, valid_for=365, **facts):
        statement = verdict and calibrations.Statement(
            decision_rule="x", basis="x", verdict=verdict
        )
        with open_as("LAB") as session, session.begin():
            item_id = books.register(session, name, **facts).id
            books.calibrate(
                session, "", day, item_id=item_id, statement=statement, is_adjusted=is_adjusted,
                valid_until=day + timedelta(days=valid_for),
            )  # fmt: skip
        return item_id

    return calibrated


@pytest.fixture
def told(open_as):
    def told(name):
        with open_as("LAB", read_only=True) as session:
            rows = figures.rows_of(session, name, first=FIRST, last=LAST, on=TODAY)
        return figure(name, rows), rows

    return told


@pytest.mark.parametrize("name", FigureName)
def test_of_nothing_every_figure_is_unknown_and_none_is_nought(told, name):
    found, rows = told(name)

    assert (found.value, found.nine_in_ten, found.of, rows) == (None, None, 0, [])


def test_within_validity_counts_what_is_in_use_and_has_an_end(calibrated, told, open_as):
    calibrated("valid", date(2026, 2, 1))
    calibrated("late", date(2025, 1, 1))
    stored = calibrated("stored", date(2025, 1, 1))
    with open_as("LAB") as session, session.begin():
        books.register(session, "never")
        books.calibrate(session, "endless", date(2026, 2, 1), valid_until=None)
        items.change(session, stored, {"status": "sealed"}, actor_id=ACTOR, now=NOW)

    found, rows = told(FigureName.WITHIN_VALIDITY)

    assert (found.counted, found.of) == (1, 3)  # of valid, late, never
    assert {row.item.name_en: row.counts for row in rows} == {
        "never": False, "late": False, "valid": True,
    }  # fmt: skip


def test_the_law_counts_its_own(calibrated, told):
    calibrated("free", date(2025, 1, 1))
    calibrated("legal", date(2026, 2, 1), is_mandatory=True)

    assert told(FigureName.MANDATORY_WITHIN_VALIDITY)[0].value == 1.0


def test_who_passed_who_failed_and_of_whom_nobody_knows(calibrated, told):
    calibrated("good", date(2026, 2, 1), "pass")
    calibrated("bad", date(2026, 2, 1), "fail")
    calibrated("open", date(2026, 2, 1), "undetermined")
    calibrated("silent", date(2026, 2, 1))
    calibrated("long ago", date(2025, 12, 31), "fail")

    found, _ = told(FigureName.CONFORMING)

    assert (found.counted, found.of, found.unknown, found.value) == (1, 2, 2, 0.5)


def test_what_passed_after_an_adjustment_did_not_pass_the_first_time(calibrated, told):
    calibrated("good", date(2026, 2, 1), "pass")
    calibrated("mended", date(2026, 2, 1), "pass", is_adjusted=True)

    assert told(FigureName.CONFORMING)[0].value == 1.0
    assert told(FigureName.FIRST_TIME)[0].value == 0.5


def test_a_withdrawn_calibration_counts_no_more(open_as, told):
    with open_as("LAB") as session, session.begin():
        made = books.calibrate(
            session, "gone", date(2026, 2, 1), terminal_reason="purchased",
            statement=calibrations.Statement(decision_rule="x", basis="x", verdict="fail"),
        )  # fmt: skip
        calibrations.end(session, made.id, reason="worn", actor_id=ACTOR, now=NOW)

    assert told(FigureName.CONFORMING)[0].value is None


def test_what_is_overdue_is_told_by_owner_and_age(calibrated, open_as, people):
    person_id = people["approved"].id
    with open_as("LAB") as session, session.begin():
        digests.answer_for(session, area="锅炉房", person_id=person_id, manager_id=None,
                           actor_id=ACTOR, now=NOW)  # fmt: skip
    for days in (1, 30, 31, 90, 91, 180, 181, 400):
        calibrated(f"late {days}", date(2025, 1, 1), location=["锅炉房"],
                   valid_for=(TODAY - timedelta(days=days) - date(2025, 1, 1)).days)  # fmt: skip
    calibrated("nobody's", date(2025, 1, 1), location=["别处"])

    with open_as("LAB", read_only=True) as session:
        found = figures.overdue(session, on=TODAY)

    assert [(one.person_id, one.by_age) for one in found] == [
        (person_id, (2, 2, 2, 2)), (None, (0, 1, 0, 0)),
    ]  # fmt: skip


@given(st.lists(st.sampled_from([True, False, None])))
def test_a_share_is_its_rows_and_no_unknown_is_in_it(counted):
    rows = [FigureRow(item=GAUGE, on=None, counts=one) for one in counted]

    found = figure(FigureName.CONFORMING, rows)

    known = [one for one in counted if one is not None]
    assert found.value == (sum(known) / len(known) if known else None)
    assert found.of + found.unknown == len(rows)


@given(st.lists(st.none() | st.integers(0, 24_000).map(lambda hours: hours / 24)))
def test_days_are_told_by_their_median_and_what_nine_in_ten_do_not_exceed(days):
    rows = [FigureRow(item=GAUGE, on=None, value=one) for one in days]

    found = figure(FigureName.TURN_AROUND, rows)

    known = [one for one in days if one is not None]
    assert found.of == len(known)
    if known:
        assert found.value is not None
        assert found.nine_in_ten is not None
        assert min(known) <= found.value <= found.nine_in_ten + 1e-9 <= max(known) + 2e-9


@pytest.fixture
def doors(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="application/json") as client:
        act_for(client, "TPP")
        yield client


def test_each_number_is_that_of_its_rows_at_the_door_and_on_the_page(doors):
    told = doors.get("/v1/figures").json()

    assert [one["name"] for one in told["figures"]] == [name.value for name in FigureName]
    assert len(told["weeks"]) == 13
    for one in told["figures"]:
        lines = {"accept": "application/x-ndjson"}
        answer = doors.get(f"/v1/figures/{one['name']}/rows", headers=lines)
        rows = [json.loads(line) for line in answer.text.splitlines()]
        file = doors.get(f"/figures/{one['name']}.csv").content.decode("utf-8-sig")
        page = doors.get(f"/figures/{one['name']}", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert len(file.splitlines()) == len(rows) + 1
        if one["counted"] is not None:
            assert one["counted"] == sum(row["counts"] is True for row in rows)
        assert one["of"] + one["unknown"] == len(rows)
        assert one["definition_zh"]
        assert one["source"] == "ours"
    assert doors.get("/figures", headers={"accept": "text/html"}).status_code == 200


def test_of_hours_that_nobody_said_nothing_is_told(doors):
    weeks = doors.get("/v1/figures").json()["weeks"]

    assert {week["capacity_hours"] for week in weeks} == {None}
    for path in ("/figures", "/due"):
        assert "is not on record" in seen(doors, path)


def test_the_hours_of_a_week_are_those_said_for_plans_less_absences(doors):
    """Pressure 10 h and temperature 8 h a week; in the week of 7 December no pressure."""
    pressure, temperature = SETTINGS["disciplines"]
    away = pressure | {"absences": [{"first": "2026-12-07", "last": "2026-12-11"}]}
    say(doors, disciplines=[away, temperature])

    weeks = doors.get("/v1/figures").json()["weeks"]

    hours = {week["monday"]: week["capacity_hours"] for week in weeks}
    assert hours == dict.fromkeys(hours, 18) | {"2026-12-07": 8}
    assert {week["capacity"] for week in weeks} == {None}  # items a day: nobody said
    for path in ("/figures", "/due"):
        assert "The laboratory has 224 h in these weeks." in seen(doors, path)  # 13 × 18 − 10


def seen(doors, path):
    """Return a page in English."""
    doors.cookies.set("lang", "en")
    return doors.get(path, headers={"accept": "text/html"}).text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/figures?first=2026-02-01&last=2026-01-01", 422),
        ("/v1/figures/happiness/rows", 422),
        ("/v1/figures?first=yesterday", 422),
    ],
)
def test_a_question_that_cannot_be_is_refused(doors, path, status):
    assert doors.get(path).status_code == status


@pytest.mark.parametrize(("language", "told"), [("en", "lies after"), ("zh", "晚于")])
def test_a_period_that_ends_before_it_begins_is_told_in_the_readers_words(doors, language, told):
    doors.cookies.set("lang", language)
    page = doors.get("/figures?first=2026-12-01&last=2026-01-01", headers={"accept": "text/html"})

    assert page.status_code == 422
    assert f"2026-12-01 {told} 2026-01-01" in page.text
