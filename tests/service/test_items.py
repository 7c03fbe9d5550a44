"""Pressure gauges enter the ledgers of a laboratory and of its customer."""

import pytest

from service.errors import NotFound
from service.store import items as store
from tests.service import books


def test_an_item_stands_in_the_ledger_as_it_was_registered(open_as):
    with open_as("ENT") as session, session.begin():
        id_ = books.register(session, "boiler", asset_number="A-1", location=["1号机", "汽包"]).id

    with open_as("ENT") as session:
        item = store.get(session, id_)
        assert (item.name_en, item.asset_number, item.status) == ("boiler", "A-1", "in_use")
        assert item.location == ["1号机", "汽包"]
        assert item.recorded_at == books.NOW


def test_one_serial_number_of_two_makers_is_told_twice_and_an_unknown_one_not_at_all(open_as):
    with open_as("ENT") as session, session.begin():
        for maker in ("Aneroid Works", "Bourdon Works"):
            books.register(session, maker, manufacturer_en=maker, serial_number="0083105")
        books.register(session, "other", serial_number="0083106")

        assert [item.manufacturer_en for item in store.by_serial_number(session, "0083105")] == [
            "Aneroid Works",
            "Bourdon Works",
        ]
        assert len(store.by_serial_number(session, "0083106")) == 1
        assert store.by_serial_number(session, "83105") == []


def test_a_customers_item_is_in_both_ledgers_under_one_id(open_as, names):
    with open_as("ENT") as session, session.begin():
        id_ = books.register(session, "boiler").id
    with open_as("LAB") as session, session.begin():
        books.register(session, "boiler", id=id_, customer_id=names.ENT)
        standard = books.register(session, "standard").id

    with open_as("LAB") as session:
        assert store.get(session, id_).customer_id == names.ENT
        assert [item.id for item in store.own(session)] == [standard]
    with open_as("ENT") as session:
        assert [item.id for item in store.own(session)] == [id_]


def test_an_item_of_another_ledger_is_not_found(open_as):
    with open_as("ENT") as session, session.begin():
        id_ = books.register(session, "boiler").id

    with open_as("LAB") as session, pytest.raises(NotFound, match=f"no item {id_}"):
        store.get(session, id_)
