"""Reading a ledger elsewhere on a schedule, and taking it in as if it had been handed in.

We ask `GET url`, signed as a webhook is, with an empty content; the answer is JSON:
`{"items": [{"asset_number": "TPP-0042", "name_zh": "压力表", …}, …]}`, the columns those of
`PATCH /v1/ledger`. It is the whole ledger or part of it: what is not named stays as it is.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from service.errors import NotFound, Unreachable, UnreadableFile
from service.exchange import ledger_import
from service.lookup import LookupKeys
from service.network import Network
from service.store.jobs import LEDGER_PULL
from service.tables.exchange import LedgerPull
from service.tables.operations import Job
from service.tenancy import TenantSession
from service.webhooks import headers, secret_of

LARGEST: Final = 20 * 1024 * 1024  # octets
MOST_ITEMS: Final = 50_000
OK: Final = 200


def get(session: TenantSession, pull_id: UUID) -> LedgerPull:
    """Return a ledger elsewhere.

    Raises:
        NotFound: there is none of this id.
    """
    row = session.get(LedgerPull, (session.organization_id, pull_id))
    if row is None:
        raise NotFound("pull", pull_id)
    return row


def run_job(
    open_session: Callable[[], TenantSession],
    job_id: UUID,
    *,
    keys: LookupKeys,
    network: Network,
    now: Callable[[], datetime],
) -> None:
    """Read the ledger, take it in, and note when to read it next, all in one transaction.

    Raises:
        Unreachable: nobody answered, or not with 200.
        UnreadableFile: the answer is not of the form agreed.
    """
    with open_session() as session:
        job = session.get_one(Job, (session.organization_id, job_id))
        pull = get(session, UUID(job.content["pull_id"]))
        url, pull_id, ended = pull.url, pull.id, pull.ended_at is not None
    told, items = "ended", list[dict[str, str | None]]()
    if not ended:
        asked_at = now()
        secret = secret_of(keys, "pull", pull_id, 1)
        signed = headers([secret], str(job_id), b"", now=asked_at)
        answer = network.send(
            "GET", url, headers={**signed, "accept": "application/json"}, largest=LARGEST
        )
        if answer.status != OK:
            raise Unreachable(f"HTTP {answer.status}")
        items = read_answer(answer.content)
    with open_session() as session, session.begin():
        job = session.get_one(Job, (session.organization_id, job_id))
        pull = get(session, pull_id)
        if items:
            plan, _ = ledger_import.upsert(
                session, items, match_by=pull.settings["match_by"],
                actor_id=pull.created_by, now=now(),
            )  # fmt: skip
            told = ", ".join(f"{count} {name}" for name, count in plan.counts.items())
        elif not ended:
            told = "no items"
        job.state, job.finished_at, job.answer = "done", now(), {"told": told}
        pull.last_at, pull.last_answer = now(), told
        if pull.ended_at is None:
            session.add(next_job(pull, due_at=now() + timedelta(minutes=pull.every_minutes)))


def note_failure(session: TenantSession, job: Job, *, now: datetime) -> None:
    """Keep why a ledger could not be read, and read it again when it is its time."""
    pull = get(session, UUID(job.content["pull_id"]))
    pull.last_at, pull.last_answer = now, job.failure
    if pull.ended_at is None:
        session.add(next_job(pull, due_at=now + timedelta(minutes=pull.every_minutes)))


def next_job(pull: LedgerPull, *, due_at: datetime) -> Job:
    """Return the job that reads a ledger elsewhere next."""
    return Job(
        organization_id=pull.organization_id,
        kind=LEDGER_PULL,
        content={"pull_id": str(pull.id)},
        state="waiting",
        due_at=due_at,
        created_by=pull.created_by,
        created_at=pull.last_at or pull.created_at,
    )


def read_answer(content: bytes) -> list[dict[str, str | None]]:
    """Return the items of an answer, each value as text.

    Raises:
        UnreadableFile: it is not of the form agreed; with where.
    """
    try:
        told = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile("json", "the answer is not JSON") from error
    items = told.get("items") if isinstance(told, dict) else None
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        raise UnreadableFile("json", f'{{"items": […]}} of at most {MOST_ITEMS} items was agreed')
    return [_item(item, f"/items/{position}") for position, item in enumerate(items)]


def _item(item: Any, pointer: str) -> dict[str, str | None]:
    if not isinstance(item, dict):
        raise UnreadableFile("json", f"{pointer} is no object")
    told: dict[str, str | None] = {}
    for name, value in item.items():
        if isinstance(value, bool):
            told[name] = "true" if value else "false"
        elif value is None or isinstance(value, str):
            told[name] = value
        elif isinstance(value, int):
            told[name] = str(value)
        else:
            raise UnreadableFile("json", f"{pointer}/{name}: text, a whole number or true or false")
    return told
