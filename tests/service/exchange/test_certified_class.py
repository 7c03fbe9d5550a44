"""ENT's meter bears another class on its plate, so in the ledger, than its certificate states.

Table B.3 of the metering audit asks for the class of the valid certificate.
"""

import pytest

from service.exchange.ledger_columns import LAYOUTS
from service.exchange.ledger_files import write_ledger
from service.store import items
from service.store import ledger as store


@pytest.fixture
def written(story, open_as):
    """Write ENT's ledger in a layout, with 2.5 级 on the plate."""
    with open_as("ENT") as session, session.begin():
        items.get(session, story.item).accuracy_text = "2.5级"

    def write(layout):
        with open_as("ENT", read_only=True) as session:
            content = write_ledger(
                store.held(session), store.in_force(session), layout=LAYOUTS[layout], form="csv"
            )
        return content.decode("utf-8-sig")

    return write


def test_the_audits_table_states_the_class_that_is_certified(written, story, open_as):
    with open_as("ENT", read_only=True) as session:
        (certified,) = store.in_force(session)["certified_class"].to_list()

    assert certified not in ("", "2.5级")
    assert certified in written("b3")
    assert "2.5级" not in written("b3")


def test_the_ledgers_own_layout_states_what_the_ledger_has(written):
    assert "2.5级" in written("generic")


def test_without_a_certificate_the_ledgers_class_stands(written, open_as, monkeypatch):
    monkeypatch.setattr(store, "_certified_classes", lambda _session: {})

    assert "2.5级" in written("b3")
