"""How often is often: a window that moves, kept as two numbers a caller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import throttle
from service.errors import TooManyRequests
from service.throttle import Limit, Throttle

MINUTE = Limit(10, 60)


class At:
    """A throttle at a moment that the test sets."""

    def __init__(self):
        self.throttle, self.admitted = Throttle(), []

    def ask(self, monkeypatch, moment):
        monkeypatch.setattr(throttle, "time", lambda: moment)
        try:
            self.throttle.admit(MINUTE, "somebody")
        except TooManyRequests as error:
            return error.retry_after
        self.admitted.append(moment)
        return 0


@pytest.fixture
def patched():
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


@given(st.lists(st.floats(0, 20), min_size=1, max_size=300))
def test_no_clocks_window_admits_more_than_the_limit_and_who_waits_is_admitted(pauses):
    at, moment, wait = At(), 1_000_000.0, 0
    with pytest.MonkeyPatch.context() as patched:
        for pause in pauses:
            moment += pause
            wait = at.ask(patched, moment)
            if wait:
                assert 1 <= wait <= MINUTE.seconds
                assert at.ask(patched, moment + wait) == 0
                moment += wait

    windows = [int(when // 60) for when in at.admitted]
    assert all(windows.count(window) <= MINUTE.times for window in set(windows))


def test_what_was_asked_a_minute_ago_is_forgotten(patched):
    at = At()
    assert [at.ask(patched, 600.0 + n) for n in range(10)] == [0] * 10
    assert at.ask(patched, 610.0) == 51  # when nine of them count

    assert at.ask(patched, 719.0) == 0
    assert at.ask(patched, 780.0) == 0
    assert len(at.throttle._counts) == 1  # noqa: SLF001


def test_who_has_not_asked_lately_is_not_kept(patched):
    at = At()
    patched.setattr(throttle, "time", lambda: 600.0)
    for n in range(50):
        at.throttle.admit(MINUTE, f"visitor {n}")

    at.ask(patched, 900.0)

    assert len(at.throttle._counts) == 1  # noqa: SLF001
