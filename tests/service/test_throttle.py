"""How often is often: a window that moves, kept as two numbers a caller."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute

from service.errors import TooManyRequests
from service.throttle import Throttle

TEN = RateLimitItemPerMinute(10)
LEEWAY = 1  # a window may be told empty a second before its last one is let go


class At:
    """A throttle whose clock the test sets."""

    def __init__(self, patched):
        self.patched, self.throttle, self.admitted = patched, Throttle(), []

    def ask(self, moment):
        self.patched.setattr(time, "time", lambda: moment)
        self.patched.setattr("service.throttle.time", lambda: moment)
        try:
            self.throttle.admit(TEN, "somebody")
        except TooManyRequests as error:
            return error.retry_after
        self.admitted.append(moment)
        return 0


@given(st.lists(st.floats(0, 20), min_size=1, max_size=100))
def test_no_window_of_the_clock_admits_more_than_the_limit(pauses):
    with pytest.MonkeyPatch.context() as patched:
        at, moment = At(patched), 1_000_000.0
        for pause in pauses:
            moment += pause
            assert 0 <= at.ask(moment) <= 60 + LEEWAY

    windows = [int(when // 60) for when in at.admitted]
    assert all(windows.count(window) <= 10 for window in set(windows))


def test_who_asked_too_often_is_told_when_to_come_again_and_is_admitted_then(monkeypatch):
    at = At(monkeypatch)
    assert [at.ask(600.0 + n) for n in range(10)] == [0] * 10

    wait = at.ask(610.0)

    assert 0 < wait <= 60
    assert at.ask(610.0 + 2 * 60) == 0


def test_what_is_left_falls_with_each_request_and_is_whole_when_forgotten(monkeypatch):
    at = At(monkeypatch)
    for n in range(4):
        at.ask(600.0 + n)

    assert at.throttle.left(TEN, "somebody").remaining == 6
    assert at.throttle.left(TEN, "another").remaining == 10
    at.throttle.forget(TEN, "somebody")
    assert at.throttle.left(TEN, "somebody").remaining == 10
