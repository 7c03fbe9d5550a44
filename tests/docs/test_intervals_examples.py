"""The examples of `docs/intervals.md` come to what they print."""

import doctest
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_lot_of_meters_is_as_printed():
    found = doctest.testfile(str(DOCS / "intervals.md"), module_relative=False, encoding="utf-8")

    assert found.attempted > 0
    assert found.failed == 0
