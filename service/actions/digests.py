"""Telling people of what falls due: one digest a person and day, each due date once a stage.

Whoever answers for the item's area is told; from thirty days before on, his manager too. Where
nobody answers for an area the keepers of the ledger are told, and the administrators where nobody
is named as manager, or no keeper is there.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from uuid_utils.compat import uuid7

from service import audit
from service.errors import InvalidField, NotFound
from service.outbox import announce
from service.store import digests as store
from service.store import due as due_store
from service.store import people as people_store
from service.store.items import AT_ONCE
from service.tables.schedule import DueDigest, DueNotice, NoticePreference, Responsibility
from service.tenancy import TenantSession
from traceability.escalation import ESCALATED, Stage, stage_of

FARTHEST: Final = timedelta(days=90)
LONGEST_ADDRESS: Final = 254  # octets, RFC 5321
MOST_ATTEMPTS: Final = 5  # of a mail
COUNTED: Final = {
    Stage.OVERDUE: "overdue", Stage.WITHIN_30: "within_30", Stage.WITHIN_60: "within_60",
    Stage.WITHIN_90: "within_90",
}  # fmt: skip
FIRST_DELAY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A due date of which somebody is told, at a stage."""

    item_id: UUID
    activity: str
    due_on: date
    stage: Stage

    def as_told(self) -> dict[str, str]:
        """Return it as a digest keeps it."""
        return {
            "item_id": str(self.item_id),
            "activity": self.activity,
            "due_on": str(self.due_on),
            "stage": self.stage.value,
        }


def pending(session: TenantSession, *, on: date) -> dict[UUID, list[Line]]:
    """Return who is to be told of what on a day, and was not yet; the nearest date first."""
    found = due_store.until(session, on + FARTHEST)
    told: set[tuple[UUID, str, date, str]] = set()
    ids = list({item_id for item_id, *_ in found})
    for start in range(0, len(ids), AT_ONCE):
        told |= store.told(session, ids[start : start + AT_ONCE])
    recipients = _Recipients(session)
    lines: dict[UUID, list[Line]] = defaultdict(list)
    for item_id, activity, due_on, area in found:
        stage = stage_of((due_on - on).days)
        if stage is None or (item_id, activity, due_on, stage.value) in told:
            continue
        line = Line(item_id=item_id, activity=activity, due_on=due_on, stage=stage)
        for person_id in recipients.of(area, stage):
            lines[person_id].append(line)
    return dict(lines)


class _Recipients:
    """Who is told of what stands in an area."""

    def __init__(self, session: TenantSession) -> None:
        roles = people_store.roles(session)
        self._here = {person_id for person_id, role in roles.items() if role is not None}
        self._administrators = [id_ for id_, role in roles.items() if role == "administrator"]
        self._keepers = [id_ for id_, role in roles.items() if role == "ledger_keeper"]
        self._named = store.responsibilities(session)

    def of(self, area: str, stage: Stage) -> list[UUID]:
        """Return who is told at a stage, each once; those who left are passed over."""
        named = store.keeper_of(area, self._named)
        owners = [named.person_id] if named and named.person_id in self._here else []
        managers = [named.manager_id] if named and named.manager_id in self._here else []
        told = owners or self._keepers or self._administrators
        if stage in ESCALATED:
            told = [*told, *managers]
        if stage is Stage.OVERDUE and not managers:
            told = [*told, *self._administrators]
        return list(dict.fromkeys(told))


def notify(
    session: TenantSession, *, on: date, now: datetime, by_mail: bool
) -> Sequence[DueDigest]:
    """Write the digests of a day, and announce each; none where those of the day are written.

    Args:
        by_mail: whether mail can be sent; otherwise digests are only kept in the book.
    """
    if not session.try_lock("due notices") or store.of_day(session, on):
        return []
    wanted, lines = store.preferences(session), pending(session, on=on)
    once = {line for of_person in lines.values() for line in of_person}
    session.insert(DueNotice, [
        {"item_id": line.item_id, "activity": line.activity, "due_on": line.due_on,
         "stage": line.stage.value, "told_on": on}
        for line in once
    ])  # fmt: skip
    for person_id, of_person in lines.items():
        _write(session, person_id, of_person, wanted.get(person_id), on, now, by_mail=by_mail)
    return store.of_day(session, on)


def _write(
    session: TenantSession,
    person_id: UUID,
    lines: Sequence[Line],
    wanted: NoticePreference | None,
    on: date,
    now: datetime,
    *,
    by_mail: bool,
) -> None:
    address = wanted.address if wanted and wanted.channel == "mail" else None
    digest_id = uuid7()
    row = {
        "id": digest_id,
        "person_id": person_id,
        "told_on": on,
        "lines": [line.as_told() for line in lines],
        "mail": "waiting" if by_mail and address else "none",
        "address": address,
        "language": wanted.language if wanted else "zh",
        "due_at": now,
        "attempts": 0,
    }
    session.insert(DueDigest, [row])
    counts = _counts(lines)
    told = {"digest_id": str(digest_id), "person_id": str(person_id), "on": str(on), **counts}
    announce(session, "due.noticed", told, now=now)


def _counts(lines: Sequence[Line]) -> Mapping[str, int]:
    found = Counter(line.stage for line in lines)
    return {COUNTED[stage]: found[stage] for stage in Stage}


def settle(
    session: TenantSession, digest_id: UUID, *, sent: bool, told: str, now: datetime
) -> None:
    """Note how the mail of a digest went; one that failed is tried again, five times in all."""
    row = store.get(session, digest_id)
    row.attempts, row.lease_until, row.last_answer = row.attempts + 1, None, told[:500]
    if sent or row.attempts >= MOST_ATTEMPTS:
        row.mail, row.finished_at = "sent" if sent else "failed", now
    else:
        row.due_at = now + FIRST_DELAY * 4**row.attempts


def answer_for(
    session: TenantSession,
    *,
    area: str,
    person_id: UUID | None,
    manager_id: UUID | None,
    actor_id: UUID,
    now: datetime,
) -> Responsibility:
    """Name who answers for the items of an area, and to whom that is escalated; none ends it.

    Raises:
        NotFound: the organization has no such person.
        InvalidField: a manager without somebody who answers.
    """
    for id_ in (person_id, manager_id):
        if id_ is not None and people_store.get(session, id_) is None:
            raise NotFound("person", id_)
    if person_id is None and manager_id is not None:
        raise InvalidField("/manager_id", "name who answers for the area before his manager")
    row = Responsibility(
        organization_id=session.organization_id,
        area=area,
        person_id=person_id,
        manager_id=manager_id,
        recorded_by=actor_id,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    told: dict[str, Any] = {"area": area, "person_id": str(person_id)}
    audit.record(session, "area.answered_for", row.id, actor_id=actor_id, now=now, said=told)
    return row


def prefer(
    session: TenantSession,
    person_id: UUID,
    *,
    channel: str,
    address: str | None,
    language: str,
    now: datetime,
) -> NoticePreference:
    """Say how a person wants to be told: by mail to an address, or in the book alone.

    Raises:
        InvalidField: mail without an address, or one that is none.
    """
    told = (address or "").strip()
    if channel == "mail" and not _is_address(told):
        raise InvalidField("/address", "an address of mail: somebody@example.com")
    row = NoticePreference(
        organization_id=session.organization_id,
        person_id=person_id,
        channel=channel,
        address=told if channel == "mail" else None,
        language=language,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _is_address(text: str) -> bool:
    """Return whether a text can be an address of mail; whether anyone reads it, nobody knows.

    >>> _is_address("li@plant.example"), _is_address("li@plant"), _is_address("a b@c.de")
    (True, False, False)
    """
    local, _, domain = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not set(text) & set(' ,;:<>()[]\\"')
    return (
        plain and bool(local) and "@" not in local and "." in domain.strip(".") and len(text) < 255
    )
