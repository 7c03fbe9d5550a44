"""What can go wrong with a question about traceability.

* TraceabilityError
  - InvalidValue              a number or name that no record may carry
  - UnknownCalibration        the calibration asked about is not among the links
  - TraceabilityBroken        a certificate was asked for, but its chain has breaks
  - ChainTooDeep              no chain of calibrations is that long; the records are wrong
  - LegalPeriodExceeded       a due date was set later than the law allows
  - DateOutOfRange            a date the network's arrays cannot hold
  - SnapshotUnreadable        the bytes are no snapshot of a network that this version reads
    + SnapshotTruncated
    + SnapshotOfAnotherVersion
  - EntryRefused              a new calibration may not enter the graph
    + ReferenceLaterThanUser
    + CycleInTraceability
"""

from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from traceability.graph import Break


class TraceabilityError(Exception):
    """Base class of the errors of this package."""


class InvalidValue(TraceabilityError):
    """A field holds what no record may carry: NaN, infinity, a negative uncertainty."""

    def __init__(self, field: str, value: object, requirement: str) -> None:
        self.field = field
        self.value = value
        self.requirement = requirement
        super().__init__(f"{field} must {requirement}, got {value!r}")


class UnknownCalibration(TraceabilityError):
    """The calibration asked about is not among the links given."""

    def __init__(self, calibration_id: UUID) -> None:
        self.calibration_id = calibration_id
        super().__init__(f"calibration {calibration_id} is not among the links")


class ChainTooDeep(TraceabilityError):
    """A chain has more levels than any hierarchy of standards: its records cannot be right."""

    def __init__(self, levels: int, most: int) -> None:
        self.levels = levels
        self.most = most
        super().__init__(f"the chain has {levels} levels, more than {most}")


class LegalPeriodExceeded(TraceabilityError):
    """A due date was set later than the law allows."""

    def __init__(self, valid_until: date, legal: date | None) -> None:
        self.valid_until = valid_until
        self.legal = legal
        allowed = "no day, for it was never verified" if legal is None else str(legal)
        super().__init__(f"valid until {valid_until}, but the legal period allows {allowed}")


class TraceabilityBroken(TraceabilityError):
    """A certificate was asked for, but the chain behind the calibration has breaks."""

    def __init__(self, calibration_id: UUID, breaks: tuple["Break", ...]) -> None:
        self.calibration_id = calibration_id
        self.breaks = breaks
        flaws = ", ".join(sorted({found.flaw for found in breaks}))
        super().__init__(
            f"calibration {calibration_id}: {len(breaks)} break(s) in its chain ({flaws})"
        )


class EntryRefused(TraceabilityError):
    """Base class of the refusals of a new calibration."""


class ReferenceLaterThanUser(EntryRefused):
    """A calibration names a reference that was made only after it."""

    def __init__(
        self,
        calibration_id: UUID,
        reference_id: UUID,
        *,
        position: int,
        performed_on: date,
        reference_performed_on: date,
    ) -> None:
        self.calibration_id = calibration_id
        self.reference_id = reference_id
        self.position = position
        self.performed_on = performed_on
        self.reference_performed_on = reference_performed_on
        super().__init__(
            f"calibration {calibration_id} of {performed_on} names reference {reference_id}, "
            f"performed only on {reference_performed_on}"
        )


class CycleInTraceability(EntryRefused):
    """A calibration would rest on itself; `path` leads from it back to it."""

    def __init__(self, path: tuple[UUID, ...]) -> None:
        self.path = path
        super().__init__("a calibration would rest on itself: " + " → ".join(map(str, path)))


class DateOutOfRange(TraceabilityError):
    """A date or moment lies outside what the arrays of a network can hold."""

    def __init__(self, field: str, value: object, first: object, last: object) -> None:
        self.field = field
        self.value = value
        super().__init__(f"{field} must lie from {first} to {last}, got {value}")


class SnapshotUnreadable(TraceabilityError):
    """The bytes are not a snapshot of a network that can be opened."""


class SnapshotTruncated(SnapshotUnreadable):
    """A snapshot has other than the number of bytes that it announces."""

    def __init__(self, expected: int, found: int) -> None:
        self.expected = expected
        self.found = found
        super().__init__(f"snapshot has {found} bytes of {expected}")


class SnapshotOfAnotherVersion(SnapshotUnreadable):
    """A snapshot was written in another version of the format."""

    def __init__(self, version: int, readable: int) -> None:
        self.version = version
        self.readable = readable
        super().__init__(f"snapshot is of version {version}, this program reads {readable}")
