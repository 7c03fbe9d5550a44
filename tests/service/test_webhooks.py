"""Events are told to whoever asked: signed, once they happened, until somebody has heard them.

The laboratory's listener stands on this machine, which the operator admits.
"""

import base64
import hmac
import json
from datetime import timedelta
from random import Random
from types import SimpleNamespace

import pytest
from sqlmodel import select

from service.actions import webhooks as actions
from service.errors import AlreadyThere, InvalidField, NotFound, Unreachable
from service.jobs.worker import Worker
from service.network import Answer, Network
from service.outbox import announce
from service.store import webhooks as store
from service.tables.operations import Outbox
from service.webhooks import DELAYS, headers, next_attempt, secret_of, signature, told_secret
from tests.service.books import ACTOR, KEYS, NOW

URL = "https://listener.example/hook"


class Listener(Network):
    """Stands for the network: keeps what is sent, and answers as it is told to."""

    def __init__(self):
        super().__init__()
        self.sent = []
        self.status = 204

    def send(self, method, url, *, headers, content=b"", **_how):
        self.sent.append(SimpleNamespace(method=method, url=url, headers=headers, content=content))
        if self.status is None:
            raise Unreachable("no connection")
        return Answer(self.status, b"")


@pytest.fixture
def desk(engine, open_as, names):
    """The laboratory, a listener of its certificates, a worker, and a clock to be turned."""
    told = SimpleNamespace(now=NOW, listener=Listener())
    told.worker = Worker(engine, KEYS, clock=lambda: told.now, network=told.listener)
    told.open = lambda **values: open_as("LAB", **values)
    told.lab = names.LAB
    with told.open() as session, session.begin():
        told.webhook = actions.register(
            session, URL, ["certificate.*"], network=told.listener, actor_id=ACTOR, now=NOW
        ).id
    return told


def happen(desk, event="certificate.issued", **content):
    with desk.open() as session, session.begin():
        return announce(session, event, content or {"certificate_id": "c"}, now=desk.now)


def messages(desk, **asked):
    with desk.open(read_only=True) as session:
        return [(row.state, row.attempts, row.last_answer)
                for row, _ in store.messages(session, desk.webhook, **asked)]  # fmt: skip


def test_the_signature_is_the_standards_own_example():
    """Source: the worked example of the Standard Webhooks libraries."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    signed = signature(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_event_is_told_once_it_happened_signed_so_that_the_listener_knows(desk):
    event_id = happen(desk, certificate_id="c-1")

    assert desk.worker.run_once() == 2  # the event handed on, the message sent
    assert desk.worker.run_once() == 0

    (sent,) = desk.listener.sent
    assert (sent.method, sent.url) == ("POST", URL)
    assert json.loads(sent.content) == {
        "type": "certificate.issued",
        "timestamp": NOW.isoformat(),
        "data": {"certificate_id": "c-1"},
    }
    assert sent.headers["webhook-id"] == str(event_id)
    signed = b".".join(
        (str(event_id).encode(), sent.headers["webhook-timestamp"].encode(), sent.content)
    )
    secret = base64.b64decode(
        told_secret(secret_of(KEYS, "webhook", desk.webhook, 1)).removeprefix("whsec_")
    )
    expected = base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
    assert sent.headers["webhook-signature"] == f"v1,{expected}"
    assert messages(desk) == [("delivered", 1, "HTTP 204")]


def test_what_was_undone_is_never_told(desk):
    with desk.open() as session:
        transaction = session.begin()
        announce(session, "certificate.issued", {}, now=NOW)
        transaction.rollback()

    assert desk.worker.run_once() == 0
    assert desk.listener.sent == []


def test_only_who_asked_for_an_event_is_told(desk, open_as):
    happen(desk, "recall.opened")
    with open_as("OTH") as session, session.begin():
        announce(session, "certificate.issued", {}, now=NOW)

    desk.worker.run_once()

    assert desk.listener.sent == []
    with desk.open(read_only=True) as session:
        assert session.exec(select(Outbox)).one().told_at == NOW


@pytest.mark.parametrize("status", [None, 500, 302, 404])
def test_a_listener_that_does_not_hear_is_told_again_for_three_days_then_no_more(desk, status):
    desk.listener.status = status
    happen(desk)
    began = desk.now

    for _ in range(20):
        desk.worker.run_once()
        with desk.open(read_only=True) as session:
            ((message, _),) = store.messages(session, desk.webhook)
        if message.state != "waiting":
            break
        desk.now = message.due_at

    assert messages(desk)[0][:2] == ("dead", len(DELAYS) + 1)
    assert len(desk.listener.sent) == len(DELAYS) + 1
    assert len({sent.headers["webhook-id"] for sent in desk.listener.sent}) == 1
    assert timedelta(days=2.5) < desk.now - began < timedelta(days=4)


def test_a_dead_message_is_replayed_under_the_same_id(desk):
    test_a_listener_that_does_not_hear_is_told_again_for_three_days_then_no_more(desk, 500)
    desk.listener.status = 200
    with desk.open() as session, session.begin():
        ((message, _),) = store.messages(session, desk.webhook, state="dead")
        message_id = message.id
        actions.replay(session, message_id, actor_id=ACTOR, now=desk.now)

    desk.worker.run_once()

    assert messages(desk)[0][0] == "delivered"
    assert len({sent.headers["webhook-id"] for sent in desk.listener.sent}) == 1
    with desk.open() as session, session.begin():
        actions.replay(session, message_id, actor_id=ACTOR, now=desk.now)
        with pytest.raises(AlreadyThere, match="waits to be sent"):
            actions.replay(session, message_id, actor_id=ACTOR, now=desk.now)


def test_a_listener_that_is_gone_is_told_nothing_more(desk):
    desk.listener.status = 410
    happen(desk)
    happen(desk)

    desk.worker.run_once()
    happen(desk)
    desk.worker.run_once()

    assert len(desk.listener.sent) in (1, 2)  # both were on their way
    assert {state for state, *_ in messages(desk)} == {"dead"}
    with desk.open(read_only=True) as session:
        assert store.get(session, desk.webhook).disabled_reason == "answered 410 Gone"


def test_after_a_rotation_both_secrets_sign_for_a_day(desk):
    with desk.open() as session, session.begin():
        actions.rotate(session, desk.webhook, actor_id=ACTOR, now=desk.now)
    happen(desk)
    desk.worker.run_once()
    desk.now += timedelta(days=2)
    happen(desk)
    desk.worker.run_once()

    first, second = (sent.headers["webhook-signature"].split() for sent in desk.listener.sent)
    assert (len(first), len(second)) == (2, 1)


def test_two_workers_send_a_message_once(desk, engine):
    """The first one leases it; the other finds nothing due."""
    other = Worker(engine, KEYS, clock=lambda: desk.now, network=desk.listener)
    happen(desk)
    plain = desk.listener.send

    def send_while_the_other_looks(*arguments, **values):
        assert other.run_once() == 0
        return plain(*arguments, **values)

    desk.listener.send = send_while_the_other_looks
    desk.worker.run_once()

    assert len(desk.listener.sent) == 1


def test_a_worker_that_dies_leaves_its_message_to_the_next(desk):
    happen(desk)

    def die(*_arguments, **_values):
        raise KeyboardInterrupt

    plain, desk.listener.send = desk.listener.send, die
    with pytest.raises(KeyboardInterrupt):
        desk.worker.run_once()
    desk.listener.send = plain
    assert desk.worker.run_once() == 0  # till the lease has run out
    desk.now += timedelta(minutes=11)
    desk.worker.run_once()

    assert messages(desk) == [("delivered", 1, "HTTP 204")]


def test_a_test_is_sent_to_that_webhook_alone(desk):
    with desk.open() as session, session.begin():
        actions.register(session, URL, ["*"], network=desk.listener, actor_id=ACTOR, now=NOW)
        actions.send_test(session, desk.webhook, actor_id=ACTOR, now=NOW)

    desk.worker.run_once()

    (sent,) = desk.listener.sent
    assert json.loads(sent.content)["type"] == "webhook.tested"


def test_what_is_no_address_or_no_event_is_refused(desk, open_as):
    with desk.open() as session, session.begin():
        for url, events, pointer in (
            ("http://listener.example/", ["*"], "/url"),
            ("https://127.0.0.1/", ["*"], "/url"),
            (URL, ["issued"], "/events/0"),
            (URL, ["*", "a.b.c"], "/events/1"),
            (URL, [], "/events"),
        ):
            with pytest.raises(InvalidField) as refused:
                actions.register(
                    session, url, events, network=desk.listener, actor_id=ACTOR, now=NOW
                )
            assert refused.value.pointer == pointer
    with open_as("OTH") as session, session.begin(), pytest.raises(NotFound):
        actions.rotate(session, desk.webhook, actor_id=ACTOR, now=NOW)


def test_attempts_are_spread():
    seeds = map(Random, range(20))
    moments = {next_attempt(1, now=NOW, random=random) for random in seeds}

    assert len(moments) == 20
    assert next_attempt(len(DELAYS) + 1, now=NOW, random=Random()) is None  # noqa: S311
    assert headers([b"a", b"b"], "m", b"", now=NOW)["webhook-signature"].count("v1,") == 2
