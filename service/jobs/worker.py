"""The worker: takes what is due in every book, does it, notes how it went.

Whatever it takes is leased first, in a transaction of its own: on PostgreSQL over locked rows that
others skip, on SQLite behind the one write lock. A worker that dies leaves a lease that runs out;
what it had done is found done, because every kind of work may be done twice.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from threading import Event
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Engine

from service.actions import digests, due, verdicts
from service.actions import webhooks as webhook_actions
from service.clock import LEGAL_TIME
from service.digests import letter
from service.errors import InvalidField, ServiceError, Unreachable
from service.jobs import pulls
from service.lookup import LookupKeys
from service.mail import Mailer
from service.network import Network
from service.store import digests as digest_store
from service.store import directory
from service.store import items as item_store
from service.store import jobs as job_store
from service.store import verdicts as verdict_store
from service.store import webhooks as webhook_store
from service.store.plans import PLAN_MAKING
from service.tables.operations import Job
from service.tenancy import TenantSession
from service.webhooks import body, headers, secret_of

LEASE: Final = timedelta(minutes=10)
MOST_ATTEMPTS: Final = 5  # of a job
AT_ONCE: Final = 20  # messages a lease
EVENTS_AT_ONCE: Final = 200
IDLE_SECONDS: Final = 1.0
MORNING: Final = 6  # o'clock, Chinese time, from which on the day's digests are written

Clock = Callable[[], datetime]


class Worker:
    """Does what is due; any number of them may run beside one another."""

    def __init__(
        self,
        engine: Engine,
        keys: LookupKeys,
        *,
        clock: Clock,
        network: Network,
        today: Callable[[], date] | None = None,
        mailer: Mailer | None = None,
        public_url: str = "",
    ) -> None:
        """Make a worker.

        Args:
            today: the civil day; without it nobody is told of what falls due.
            mailer: takes the digests' mails; without it they are kept in the book alone.
            public_url: under which people reach the service.
        """
        self._engine = engine
        self._keys = keys
        self._now = clock
        self._network = network
        self._today, self._mailer, self._public_url = today, mailer, public_url
        self._noticed: dict[UUID, date] = {}  # by book: the day whose digests are written
        self._derived: set[UUID] = set()  # books whose due dates are derived
        self._judged: dict[UUID, datetime] = {}  # by book: the last published end it was judged for
        self._random = Random()  # noqa: S311  (it spreads attempts, it keeps no secret)

    def run(self, stop: Event) -> None:
        """Work until told to stop; a fault of one book is logged and keeps nobody waiting."""
        while not stop.is_set():
            if not self.run_once(stop):
                stop.wait(IDLE_SECONDS)

    def run_once(self, stop: Event | None = None) -> int:
        """Do what is due now, in every book; return how much it was."""
        done = 0
        for organization_id in directory.organization_ids(self._engine):
            if stop is not None and stop.is_set():
                break
            try:
                done += self.work_for(organization_id) + self._judge_anew(organization_id)
                self._keep_due_dates(organization_id)
                done += self._notify(organization_id) + self._mail(organization_id)
            except Exception:  # noqa: BLE001  (whatever it is, the other books go on)
                structlog.get_logger().exception("work failed", book=str(organization_id))
        return done

    def work_for(self, organization_id: UUID) -> int:
        """Do what is due in one book: events to messages, messages out, one job."""
        with TenantSession(self._engine, organization_id, read_only=True) as session:
            if job_store.is_idle(session, now=self._now()):
                return 0
        with self._open(organization_id) as session, session.begin():
            handed_on = webhook_actions.hand_on(session, now=self._now(), limit=EVENTS_AT_ONCE)
        return handed_on + self._send(organization_id) + self._do_a_job(organization_id)

    def _judge_anew(self, organization_id: UUID) -> int:
        """Judge the chains that the end of something published has touched since we looked last."""
        with TenantSession(self._engine, organization_id, read_only=True) as session:
            ended_at = verdict_store.last_published_end(session)
        if ended_at is None or ended_at == self._judged.get(organization_id):
            return 0
        with self._open(organization_id) as session, session.begin():
            judged = verdicts.catch_up(session, now=max(self._now(), ended_at))
        self._judged[organization_id] = ended_at
        return judged

    def _keep_due_dates(self, organization_id: UUID) -> None:
        """Derive the due dates of a book once in each process: a newer edition may be known now."""
        if organization_id not in self._derived:
            with self._open(organization_id) as session, session.begin():
                due.derive(session)
            self._derived.add(organization_id)

    def _notify(self, organization_id: UUID) -> int:
        """Write the digests of the day, in its morning; return how many."""
        if self._today is None or self._now().astimezone(LEGAL_TIME).hour < MORNING:
            return 0
        day = self._today()
        if self._noticed.get(organization_id) == day:
            return 0
        with self._open(organization_id) as session, session.begin():
            written = digests.notify(
                session, on=day, now=self._now(), by_mail=self._mailer is not None
            )
        self._noticed[organization_id] = day
        return len(written)

    def _mail(self, organization_id: UUID) -> int:
        """Send the digests whose mail is due; return how many were tried."""
        if self._mailer is None:
            return 0
        now = self._now()
        with self._open(organization_id) as session, session.begin():
            rows = digest_store.to_send(session, now=now, limit=AT_ONCE)
            for row in rows:
                row.lease_until = now + LEASE
            leased = [row.id for row in rows]
        for digest_id in leased:
            self._mail_one(organization_id, digest_id, self._mailer)
        return len(leased)

    def _mail_one(self, organization_id: UUID, digest_id: UUID, mailer: Mailer) -> None:
        with self._open(organization_id) as session:
            row = digest_store.get(session, digest_id)
            items = item_store.by_ids(session, {UUID(line["item_id"]) for line in row.lines})
            subject, text = letter(
                row.lines, items, language=row.language, on=row.told_on,
                url=f"{self._public_url}/due",
            )  # fmt: skip
            address = row.address or ""
        sent, told = mailer.send(address, subject, text, now=self._now())
        with self._open(organization_id) as session, session.begin():
            digests.settle(session, digest_id, sent=sent, told=told, now=self._now())

    def _open(self, organization_id: UUID) -> TenantSession:
        return TenantSession(self._engine, organization_id)

    def _send(self, organization_id: UUID) -> int:
        now = self._now()
        with self._open(organization_id) as session, session.begin():
            messages = webhook_store.due(session, now=now, limit=AT_ONCE)
            for message in messages:
                message.lease_until = now + LEASE
            leased = [message.id for message in messages]
        for message_id in leased:
            self._send_one(organization_id, message_id)
        return len(leased)

    def _send_one(self, organization_id: UUID, message_id: UUID) -> None:
        with self._open(organization_id) as session:
            message = webhook_store.message(session, message_id)
            webhook = webhook_store.get(session, message.webhook_id)
            event = webhook_store.event(session, message.event_id)
            now = self._now()
            content = body(event.event, event.content, announced_at=event.due_at)
            former = webhook.former_until is not None and now < webhook.former_until
            generations = (webhook.generation, webhook.generation - 1)[: 2 if former else 1]
            secrets = [secret_of(self._keys, "webhook", webhook.id, one) for one in generations]
            signed = headers(secrets, str(event.id), content, now=now)
            url = webhook.url
        status, told = self._post(url, signed, content)
        with self._open(organization_id) as session, session.begin():
            webhook_actions.settle(
                session, message_id, status=status, told=told, now=self._now(), random=self._random
            )

    def _post(self, url: str, signed: dict[str, str], content: bytes) -> tuple[int | None, str]:
        try:
            answer = self._network.send(
                "POST", url, headers={**signed, "content-type": "application/json"}, content=content
            )
        except (Unreachable, InvalidField) as error:
            return None, str(error)
        return answer.status, f"HTTP {answer.status}"

    def _do_a_job(self, organization_id: UUID) -> int:
        now = self._now()
        with self._open(organization_id) as session, session.begin():
            jobs = job_store.due(session, now=now, limit=1)
            for job in jobs:
                job.lease_until, job.attempts = now + LEASE, job.attempts + 1
            leased = [(job.id, job.kind) for job in jobs]
        for job_id, kind in leased:
            try:
                self._do(organization_id, job_id, kind)
            except Exception as error:  # noqa: BLE001  (it is kept with the job)
                self._note_failure(organization_id, job_id, error)
        return len(leased)

    def _do(self, organization_id: UUID, job_id: UUID, kind: str) -> None:
        from service.exchange import ledger_import  # noqa: PLC0415  (who has no ledger waits less)
        from service.jobs import planning  # noqa: PLC0415

        def open_session() -> TenantSession:
            return self._open(organization_id)

        if kind == job_store.LEDGER_IMPORT:
            ledger_import.run_job(open_session, job_id, now=self._now)
        elif kind == job_store.LEDGER_PULL:
            pulls.run_job(
                open_session, job_id, keys=self._keys, network=self._network, now=self._now
            )
        elif kind == PLAN_MAKING:
            planning.run_job(open_session, job_id, now=self._now)
        else:
            raise LookupError(f"no worker does {kind}")

    def _note_failure(self, organization_id: UUID, job_id: UUID, error: Exception) -> None:
        if not isinstance(error, ServiceError | LookupError):
            structlog.get_logger().error("job failed", job=str(job_id), exc_info=error)
        with self._open(organization_id) as session, session.begin():
            job = session.get_one(Job, (organization_id, job_id))
            job.failure = str(error)[:500] or type(error).__name__
            job.lease_until = None
            if job.attempts >= MOST_ATTEMPTS or job.kind == PLAN_MAKING:  # a person waits for it
                job.state, job.finished_at = "failed", self._now()
                if job.kind == job_store.LEDGER_PULL:
                    pulls.note_failure(session, job, now=self._now())
            else:
                job.due_at = self._now() + timedelta(seconds=10) * 4**job.attempts
