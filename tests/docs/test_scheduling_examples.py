"""The examples of `docs/scheduling.md` come to what they print."""

import doctest
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_plan_of_three_gauges_is_as_printed():
    found = doctest.testfile(str(DOCS / "scheduling.md"), module_relative=False)

    assert found.attempted > 0
    assert found.failed == 0
