"""Our promises about dependencies: a line of reason for each, and versions without addresses."""

import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))


def test_the_page_gives_a_reason_and_a_licence_for_each_dependency():
    page = (HERE / "docs/dependencies.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]

    run_time = PROJECT["project"]["dependencies"]
    others = [
        (group, name)
        for group, names in PROJECT["dependency-groups"].items()
        for name in names
        if isinstance(name, str)  # the rest are groups within groups
    ]
    assert [row[0] for row in rows[1 : 1 + len(run_time)]] == run_time
    assert [tuple(row[:2]) for row in rows if row[0] in PROJECT["dependency-groups"]] == others
    assert all(all(row) and len(row) in {3, 4} for row in rows)


@pytest.mark.parametrize("file", ["pyproject.toml", "requirements.lock", "Dockerfile"])
def test_a_file_of_versions_does_not_say_where_packages_come_from(file):
    text = (HERE / file).read_text("utf-8")

    assert not re.search(r"https?://(?!127\.0\.0\.1)|index-url|find-links", text)
