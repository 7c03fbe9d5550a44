"""The look-up of certificates goes by the driver alone, and leaves connections as they were."""

import pytest

from service.store import directory
from tests.service.books import KEYS


def how_it_commits(engine):
    """Return how the connections of the pool commit: by themselves, or when they are told to."""
    opened = [engine.connect() for _ in range(3)]
    drivers = [one.connection.driver_connection for one in opened]
    found = {getattr(driver, "autocommit", driver.isolation_level) for driver in drivers}
    for one in opened:
        one.close()
    return found


@pytest.mark.parametrize("fails", [False, True])
def test_a_connection_that_looked_up_commits_when_it_is_told_to(engine, story, monkeypatch, fails):
    before = how_it_commits(engine)
    key = KEYS.of_number(story.number)
    assert [found.number for found in directory.find(engine, key)] == [story.number]

    if fails:
        for name in ("FOUND", "FOUND_ON_POSTGRESQL"):
            monkeypatch.setattr(directory, name, "SELECT nothing_of_the_kind")
        with pytest.raises(Exception, match=r"nothing_of_the_kind|1 were supplied"):
            directory.find(engine, key)

    assert how_it_commits(engine) == before
