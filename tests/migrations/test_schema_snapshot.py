"""`docs/decisions/schema.txt` says what the tables are, for whoever reads without running."""

from tests.migrations.snapshot import REFRESH, SNAPSHOT, schema_text


def test_the_snapshot_of_the_schema_is_the_schema():
    assert SNAPSHOT.read_text("utf-8") == schema_text(), f"to refresh it: {REFRESH}"
