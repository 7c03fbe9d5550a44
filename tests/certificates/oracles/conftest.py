"""Other programs' opinions of certificates as they are issued.

Without a program the test fails in CI and is skipped elsewhere (tests/skips.txt).
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.oracle)


@pytest.fixture(scope="session")
def need():
    """Say which programs and packages a test asks; end it where one is not there."""

    def need_(*, programs: tuple[str, ...] = (), packages: tuple[str, ...] = ()) -> None:
        missing = [name for name in programs if shutil.which(name) is None]
        missing += [name for name in packages if find_spec(name) is None]
        if missing:
            give_up = pytest.fail if os.environ.get("CI") else pytest.skip
            give_up(f"not installed: {', '.join(missing)}")

    return need_
