"""The writers of one process take turns at SQLite: whoever came first goes first."""

import time
from threading import Thread

from service.database import _Turns


def started_one_by_one(turns, acts):
    """Start each act in a thread of its own, once the one before is waiting for its turn."""
    threads = []
    for act in acts:
        before = len(turns._waiting)  # noqa: SLF001
        threads.append(Thread(target=act))
        threads[-1].start()
        while len(turns._waiting) == before:  # noqa: SLF001
            time.sleep(0.001)
    return threads


def test_those_who_wait_go_in_the_order_in_which_they_came():
    turns, went = _Turns(), []

    def waiting(name):
        def act():
            assert turns.take(timeout=10)
            went.append(name)
            turns.give()

        return act

    turns.take(timeout=0)
    threads = started_one_by_one(turns, [waiting(name) for name in "abcdefgh"])
    turns.give()
    for thread in threads:
        thread.join()

    assert went == list("abcdefgh")
    assert turns.take(timeout=0)  # and it is free again


def test_who_gave_up_waiting_is_passed_over():
    turns, answers = _Turns(), dict[str, bool]()

    turns.take(timeout=0)
    impatient = Thread(target=lambda: answers.update(impatient=turns.take(timeout=0.05)))
    impatient.start()
    impatient.join()
    (patient,) = started_one_by_one(turns, [lambda: answers.update(patient=turns.take(timeout=10))])
    turns.give()
    patient.join()

    assert answers == {"impatient": False, "patient": True}
