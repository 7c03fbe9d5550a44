"""The shell's own errors.

* ServiceError
  - NotFound
  - NotAuthenticated
    - ReauthenticationRequired
  - NotPermitted
  - AlreadyAnswered
  - KeyInFlight
  - KeyUsedOtherwise
  - LimitTooLarge
  - DatabaseNotReady
  - BackupFailed
    - BackupNotWhole
  - InvalidField
  - AlreadyThere
  - NotPublishable
  - NotTheSenders
  - NotAuthorised
  - FormNotThere
  - SealMissing
  - NotIssuable
  - TooLarge
  - TooManyRequests
  - UnreadableFile
  - LedgerRefused
  - StepOutOfOrder
  - RecallNotOpen
  - StandardNotUsable
  - WorksheetIncomplete
  - StaleVersion
  - VersionMissing
  - NoCapacity
  - Unreachable
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID


class ServiceError(Exception):
    """Base class of the shell's errors."""


class NotFound(ServiceError, LookupError):
    """There is no such row, or not one that this organization may see."""

    def __init__(self, kind: str, id_: UUID | str) -> None:
        self.kind = kind
        super().__init__(f"no {kind} {id_}")


class NotAuthenticated(ServiceError):
    """The request came with no key we know."""


class ReauthenticationRequired(NotAuthenticated):
    """The proof of identity is too old for what shall be done, or was a machine's."""


class NotPermitted(ServiceError):
    """The person's role, or the key's scopes, do not cover what was asked."""


class AlreadyAnswered(ServiceError):
    """The request was answered before under its key; this carries the answer as it was kept."""

    def __init__(self, status_code: int, answer: dict[str, Any]) -> None:
        self.status_code = status_code
        self.answer = answer
        super().__init__("answered before; the answer held a secret, which is told once")


class KeyInFlight(ServiceError):
    """The same request is at work under the same key."""


class KeyUsedOtherwise(ServiceError):
    """The key of a request stands for another one."""


class LimitTooLarge(ServiceError, ValueError):
    """More rows at once than a page holds, or none."""


class DatabaseNotReady(ServiceError):
    """The database is not migrated, or has lost one of its guards."""


class BackupFailed(ServiceError):
    """A backup was not written, or not brought back."""


class BackupNotWhole(BackupFailed):
    """What was written, or brought back, is not what it should be: do not use it."""


class InvalidField(ServiceError, ValueError):
    """A value that cannot be recorded; `pointer` names it, as in RFC 6901."""

    def __init__(self, pointer: str, reason: str) -> None:
        self.pointer = pointer
        self.reason = reason
        self.problems = ((pointer, reason),)
        super().__init__(f"{pointer}: {reason}")


class AlreadyThere(ServiceError):
    """The book holds a record of this id or number already, and records are not rewritten."""


class NotPublishable(ServiceError):
    """A reference behind the calibration is not published, so its chain would have a hole."""


class NotTheSenders(ServiceError):
    """A document speaks of a calibration that another organization told us."""


class NotAuthorised(ServiceError):
    """The person may not do this work on that day."""


class FormNotThere(ServiceError, LookupError):
    """The certificate, or the import, is here, but not in this form."""

    def __init__(self, number: str, form: str, *, kind: str = "certificate") -> None:
        super().__init__(f"{kind} {number} has no {form} here")


class NotIssuable(ServiceError):
    """The calibration may get no certificate: not made here, ended, not signed, or told amiss."""


class TooLarge(ServiceError):
    """More was sent than is read; `limit` is in octets."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"larger than {limit} octets: nothing of it was read")


class TooManyRequests(ServiceError):
    """Somebody asks faster than is answered; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"asked too often: try again in {retry_after} s")


class UnreadableFile(ServiceError):
    """A file that holds no ledger; `code` says in a word why, the rest where and how to mend it."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason)


class LedgerRefused(ServiceError):
    """Items of which at least one cannot be taken; `problems` are (pointer, code, reason) each."""

    def __init__(self, problems: Sequence[tuple[str, str, str]]) -> None:
        self.problems = problems
        super().__init__("nothing was written, for some of the items cannot be taken")


class StepOutOfOrder(ServiceError):
    """A step of a work order may not follow where the item stands; `allowed` may."""

    def __init__(self, before: str, after: str, allowed: Sequence[str]) -> None:
        self.before = before
        self.after = after
        self.allowed = tuple(allowed)
        listed = ", ".join(allowed) or "nothing"
        super().__init__(f"the item is {before}: {listed} may follow, not {after}")


class RecallNotOpen(ServiceError):
    """Nothing is done about a recall that nobody has confirmed, or that was dropped."""

    def __init__(self, status: str) -> None:
        self.status = status
        why = "a person confirms it first" if status == "suggested" else "nothing follows from it"
        super().__init__(f"the recall is {status}: {why}")


class StandardNotUsable(ServiceError):
    """A standard may not be used for the item on the day, for these reasons."""

    def __init__(self, pointer: str, name: str, reasons: Sequence[str]) -> None:
        self.pointer = pointer
        self.name = name
        self.reasons = tuple(reasons)
        self.problems = tuple((pointer, reason) for reason in reasons)
        super().__init__(f"{name} may not be used: {', '.join(reasons)}")


class WorksheetIncomplete(ServiceError):
    """A worksheet cannot be submitted; each pointer names a field, and why. It is kept as it is."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        told = "; ".join(f"{pointer}: {reason}" for pointer, reason in problems)
        super().__init__(f"the worksheet is kept, but cannot be submitted: {told}")


class StaleVersion(ServiceError):
    """What is to be changed was changed by somebody else since it was read."""

    def __init__(self, kind: str, given: str, current: str) -> None:
        self.current = current
        super().__init__(
            f"the {kind} is at version {current} by now, not at {given}: read it again"
        )


class VersionMissing(ServiceError):
    """A change must say which version it is of."""


class NoCapacity(ServiceError):
    """The person has as many items for that day as the laboratory's policy allows."""


class Unreachable(ServiceError):
    """Another machine did not answer, or not as it should."""


class SealMissing(ServiceError):
    """The organization has no key to seal with, and nothing is issued without a seal."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code} has no key to seal with: run `suyuan key create {code}`")
