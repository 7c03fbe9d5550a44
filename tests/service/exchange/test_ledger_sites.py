"""A ledger that is handed in tells how many of its rows will stand at no known site.

The plant holds a (in the boiler hall of 一厂), b (nowhere) and knows one site, 一厂.
"""

import pytest

from service.actions import sites
from service.exchange import ledger_import
from service.exchange.ledger_import import Settings
from tests.service import books
from tests.service.books import ACTOR, NOW

HEADER = "管理编号,器具名称,出厂编号,安装使用地点\n"
A, B, NEW = "A-1,a 压力表,SN a,{}\n", "A-2,b 压力表,SN b,{}\n", "A-3,c 压力表,SN c,{}\n"


@pytest.fixture
def plant(open_as):
    with open_as("ENT") as session, session.begin():
        books.register(session, "a", asset_number="A-1", location=["一厂", "锅炉房"])
        books.register(session, "b", asset_number="A-2")
    return open_as


def name_the_site(plant):
    with plant("ENT") as session, session.begin():
        sites.add(session, code="1", name_zh="一厂", actor_id=ACTOR, now=NOW)


def previewed(plant, *rows):
    with plant("ENT") as session, session.begin():
        row, _ = ledger_import.preview(
            session, (HEADER + "".join(rows)).encode(), file_name="台账.csv",
            settings=Settings(), actor_id=ACTOR, now=NOW,
        )  # fmt: skip
        return row.id, row.counts, row.settings["at_no_site"]


@pytest.mark.parametrize(
    ("rows", "at_no_site"),
    [
        ([A.format(""), B.format("")], 1),  # a blank cell changes nothing: a stays where it is
        ([A.format("二厂 / 锅炉房"), B.format("一厂 / 汽机房")], 1),
        ([NEW.format("一厂 / 一厂东 / #1"), NEW.format("").replace("c", "d")], 0),
        ([NEW.format("一厂东")], 1),
        ([A.format("一厂").replace("SN a", "3.3E+11")], 0),  # refused: it will stand nowhere
    ],
)
def test_rows_that_will_stand_at_no_site_are_told(plant, rows, at_no_site):
    name_the_site(plant)

    _, _, told = previewed(plant, *rows)

    assert told == at_no_site


def test_where_no_site_is_known_nothing_is_told_of_sites(plant):
    _, counts, told = previewed(plant, A.format("二厂"))

    assert counts["updated"] == 1
    assert told is None


def test_what_was_told_follows_what_is_decided_and_what_is_written(plant):
    name_the_site(plant)
    conflict = A.format("二厂").replace("SN a", "SN x")
    import_id, counts, before = previewed(plant, conflict)
    with plant("ENT") as session, session.begin():
        row = ledger_import.decide(session, import_id, {"2": "new"})
        decided = row.settings["at_no_site"]
    name_another(plant, "二厂")
    with plant("ENT") as session, session.begin():
        row = ledger_import.confirm(session, import_id, actor_id=ACTOR, now=NOW)

        assert (counts["conflict"], before, decided) == (1, 0, 1)
        assert (row.counts["created"], row.settings["at_no_site"]) == (1, 0)


def name_another(plant, name_zh):
    with plant("ENT") as session, session.begin():
        sites.add(session, code="2", name_zh=name_zh, actor_id=ACTOR, now=NOW)
