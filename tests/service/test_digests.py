"""Who is told of what falls due: LAB's gauges in the boiler and turbine houses, March 2026.

Li answers for the plant, Zhao is his manager; Wang answers for the boiler house. The mail server is
a socket on loopback that speaks as much SMTP as our mails need.
"""

import json
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlmodel import Session, select
from typer.testing import CliRunner

from service.actions import digests, items
from service.actions import organizations as organization_actions
from service.cli import app as command_line
from service.clock import day_of
from service.jobs.worker import Worker
from service.mail import Mailer, open_mailer
from service.network import Network
from service.settings import Settings
from service.store import digests as store
from service.store import items as item_store
from service.tables.operations import Outbox
from service.tables.schedule import DueNotice
from tests.service import books
from tests.service.books import ACTOR, KEYS, NOW
from traceability.escalation import Stage, stage_of

TODAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 2, 0, tzinfo=UTC)  # eight o'clock in China


class MailServer(ThreadingTCPServer):
    """Keeps the mails that it takes."""

    daemon_threads = True
    refuses = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Smtp)
        self.mails = []
        self.mailer = Mailer(
            host="127.0.0.1", port=self.server_address[1], security="none", user="",
            password="", sender="suyuan@lab.example",
        )  # fmt: skip


class Smtp(StreamRequestHandler):
    """One conversation: takes what comes, or refuses everybody."""

    server: MailServer

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                mail = b""
                while (line := self.rfile.readline()) != b".\r\n":
                    mail += line
                self.server.mails.append(message_from_bytes(mail, policy=policy.default))
            elif verb == b"RCPT" and self.server.refuses:
                self.wfile.write(b"550 nobody of this name\r\n")
                continue
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


@pytest.fixture
def server():
    with MailServer() as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        yield listening
        listening.shutdown()


@pytest.fixture
def people(owner, open_as):
    """Li, Zhao and Wang, a keeper of the ledger and an administrator."""
    roles = {"li": "metrologist", "zhao": "approver", "wang": "metrologist",
             "keeper": "ledger_keeper", "chief": "administrator"}  # fmt: skip
    with Session(owner) as session, session.begin():
        humans = [organization_actions.create_identity(session, now=NOW) for _ in roles]
    told = SimpleNamespace()
    with open_as("LAB") as session, session.begin():
        for (name, role), human in zip(roles.items(), humans, strict=True):
            person = organization_actions.add_person(
                session, human, name_zh=name, name_en=name, role=role, authorised={},
                actor_id=ACTOR, now=NOW,
            )  # fmt: skip
            setattr(told, name, person.id)
    return told


@pytest.fixture
def named(open_as, people):
    """Let Li answer for the plant under Zhao, Wang for the boiler house under nobody."""
    with open_as("LAB") as session, session.begin():
        for area, person_id, manager_id in (
            ("厂区", people.li, people.zhao),
            ("厂区 / 锅炉房", people.wang, None),
        ):
            digests.answer_for(session, area=area, person_id=person_id, manager_id=manager_id,
                               actor_id=ACTOR, now=NOW)  # fmt: skip


@pytest.fixture
def gauge(open_as):
    """Enter a gauge that is due so many days after TODAY."""

    def gauge(name, days, house="汽机房"):
        with open_as("LAB") as session, session.begin():
            item_id = books.register(session, name, location=["厂区", house]).id
            books.calibrate(session, "", date(2026, 2, 1), item_id=item_id,
                            valid_until=TODAY + timedelta(days=days))  # fmt: skip
        return item_id

    return gauge


@pytest.fixture
def told(open_as):
    """Write the digests of a day; return who was told of which gauges, at which stage."""

    def told(on=TODAY, *, by_mail=False):
        with open_as("LAB") as session, session.begin():
            rows = digests.notify(session, on=on, now=MORNING, by_mail=by_mail)
            ids = {UUID(line["item_id"]) for row in rows for line in row.lines}
            names = {str(id_): item_store.get(session, id_).name_en for id_ in ids}
            return {
                row.person_id: [(names[line["item_id"]], line["stage"]) for line in row.lines]
                for row in rows
            }

    return told


@pytest.mark.parametrize(
    ("days", "stage"),
    [(91, None), (90, "90"), (61, "90"), (60, "60"), (31, "60"), (30, "30"), (0, "30"),
     (-1, "overdue"), (-400, "overdue")],
)  # fmt: skip
def test_a_stage_lasts_until_the_next(days, stage):
    assert stage_of(days) == (stage and Stage(stage))


def test_the_nearer_the_louder(gauge, named, people, told):
    for name, days in (("far", 91), ("quarter", 90), ("two", 60), ("month", 30), ("late", -1)):
        gauge(name, days)

    assert told() == {
        people.li: [("late", "overdue"), ("month", "30"), ("two", "60"), ("quarter", "90")],
        people.zhao: [("late", "overdue"), ("month", "30")],
    }


def test_the_narrowest_area_counts_and_without_a_manager_the_administrators_hear(
    gauge, named, people, told
):
    gauge("boiler", -3, house="锅炉房")
    gauge("boiler soon", 20, house="锅炉房")

    assert told() == {
        people.wang: [("boiler", "overdue"), ("boiler soon", "30")],
        people.chief: [("boiler", "overdue")],
    }


def test_where_nobody_answers_the_keepers_of_the_ledger_are_told(gauge, people, told):
    gauge("orphan", 50)

    assert told() == {people.keeper: [("orphan", "60")]}


def test_four_hundred_gauges_are_one_digest(open_as, gauge, named, people, told):
    for number in range(40):
        gauge(f"g{number}", 10)

    assert {person: len(lines) for person, lines in told().items()} == {
        people.li: 40, people.zhao: 40,
    }  # fmt: skip


def test_said_again_nobody_is_told_again_until_the_next_stage(gauge, named, people, told):
    gauge("one", 61)

    first = told()
    again = told()
    next_day = told(TODAY + timedelta(days=1))
    day_after = told(TODAY + timedelta(days=2))

    assert first == {people.li: [("one", "90")]}
    assert again == {}
    assert next_day == {people.li: [("one", "60")]}
    assert day_after == {}


def test_a_date_that_moved_is_told_of_anew(open_as, gauge, named, people, told):
    item_id = gauge("one", 20)
    told()
    with open_as("LAB") as session, session.begin():
        books.calibrate(session, "", TODAY, item_id=item_id,
                        valid_until=TODAY + timedelta(days=25))  # fmt: skip

    assert told(TODAY + timedelta(days=1)) == {
        people.li: [("one", "30")], people.zhao: [("one", "30")],
    }  # fmt: skip


def test_what_is_stored_is_not_told_of(open_as, gauge, named, told):
    item_id = gauge("one", -5)
    with open_as("LAB") as session, session.begin():
        items.change(session, item_id, {"status": "sealed"}, actor_id=ACTOR, now=NOW)

    assert told() == {}


def test_a_dry_run_writes_nothing(open_as, gauge, named, people):
    gauge("one", 5)

    with open_as("LAB", read_only=True) as session:
        pending = digests.pending(session, on=TODAY)

    assert {person: len(lines) for person, lines in pending.items()} == {
        people.li: 1, people.zhao: 1,
    }  # fmt: skip
    with open_as("LAB") as session:
        assert session.exec(select(DueNotice)).all() == []


def test_each_digest_is_announced_once(open_as, gauge, named, people, told):
    gauge("one", 5)
    told()

    with open_as("LAB") as session:
        events = session.exec(select(Outbox).where(Outbox.event == "due.noticed")).all()
    assert [(row.content["person_id"], row.content["within_30"]) for row in events] == [
        (str(people.li), 1), (str(people.zhao), 1),
    ]  # fmt: skip


def prefer(open_as, person_id, language="en", **said):
    with open_as("LAB") as session, session.begin():
        said = {"channel": "mail", "address": "li@lab.example"} | said
        digests.prefer(session, person_id, language=language, now=NOW, **said)


@pytest.fixture
def work(engine, server):
    """A worker of the morning; let it do what is due."""
    clock = SimpleNamespace(now=MORNING)

    def today():
        return day_of(clock.now)

    worker = Worker(
        engine, KEYS, clock=lambda: clock.now, network=Network(()),
        today=today, mailer=server.mailer,
        public_url="https://lab.example",
    )  # fmt: skip
    return SimpleNamespace(once=worker.run_once, clock=clock)


def test_the_worker_mails_one_digest_to_whoever_wants_it(
    open_as, gauge, named, people, server, work
):
    for number in range(3):
        gauge(f"gauge {number}", -number - 1)
    prefer(open_as, people.li)

    work.once()
    work.once()

    (mail,) = server.mails
    text = mail.get_content()
    assert (mail["To"], mail["Subject"]) == ("li@lab.example", "Due dates 2026-03-02: overdue 3")
    assert "2026-03-01  calibration  gauge 0" in text
    assert "https://lab.example/due" in text
    with open_as("LAB") as session:
        sent = {row.person_id: row.mail for row in store.of_day(session, TODAY)}
    assert sent == {people.li: "sent", people.zhao: "none"}


def test_a_mail_in_chinese(open_as, gauge, named, people, server, work):
    gauge("gauge", 5)
    prefer(open_as, people.li, language="zh")

    work.once()

    (mail,) = server.mails
    assert mail["Subject"] == "到期提醒 2026-03-02：30 天内到期 1"
    assert "校准  gauge 压力表" in mail.get_content()


def test_before_six_nobody_is_woken(open_as, gauge, named, people, server, work):
    gauge("gauge", 5)
    prefer(open_as, people.li)
    work.clock.now = MORNING - timedelta(hours=3)

    work.once()
    assert server.mails == []
    work.clock.now = MORNING
    work.once()

    assert len(server.mails) == 1


def test_a_mail_that_is_not_taken_is_tried_again_and_given_up_after_five(
    open_as, gauge, named, people, server, work
):
    gauge("gauge", 5)
    prefer(open_as, people.li)
    server.refuses = True

    for minutes in (0, 1, 4, 16, 64, 256, 1024):
        work.clock.now += timedelta(minutes=minutes)
        work.once()

    with open_as("LAB") as session:
        row = next(row for row in store.of_day(session, TODAY) if row.person_id == people.li)
    assert (row.mail, row.attempts) == ("failed", 5)
    assert "nobody of this name" in (row.last_answer or "")
    assert server.mails == []


def test_a_server_that_is_not_there_is_an_answer_and_no_crash(server):
    server.shutdown()
    server.server_close()

    sent, said = server.mailer.send("a@b.example", "x", "y", now=NOW)

    assert not sent
    assert "refused" in said


def test_a_subject_with_a_line_break_is_no_second_header(server):
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        server.mailer.send("a@b.example", "x\nBcc: all@b.example", "y", now=NOW)


def test_nothing_is_mailed_where_no_server_is_named():
    assert open_mailer(Settings()) is None


@pytest.mark.parametrize("address", ["", "li", "li@plant", "a b@c.de", "a@b.de\nBcc: x@y.de"])
def test_an_address_that_is_none_is_refused(open_as, people, address):
    with open_as("LAB") as session, pytest.raises(Exception, match="address"):
        digests.prefer(session, people.li, channel="mail", address=address, language="zh", now=NOW)


def test_the_command_tells_who_would_be_told_and_then_tells_them(
    open_as, database, gauge, named, people, monkeypatch, tmp_path
):
    gauge("one", 5)
    monkeypatch.setenv("SUYUAN_DATABASE_URL", database.application)
    monkeypatch.chdir(tmp_path)
    run = lambda *said: json.loads(  # noqa: E731
        CliRunner().invoke(
            command_line, ["due", "notify", "--book", "LAB", "--on", str(TODAY), "--json", *said],
            catch_exceptions=False,
        ).stdout
    )  # fmt: skip

    assert len(run("--dry-run")) == len(run("--dry-run")) == 2
    assert len(run()) == 2
    assert run() == []
