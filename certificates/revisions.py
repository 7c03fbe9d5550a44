"""Amendment and withdrawal: a certificate is never edited, another takes its place.

Source: ISO/IEC 17025:2017, 7.8.8.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from certificates.content import Amendment, CertificateContent, Signatory
from certificates.errors import (
    AlreadyAmended,
    AlreadyWithdrawn,
    FieldMalformed,
    FieldMissing,
    NothingChanged,
)
from certificates.log import LoggedEvent

DUE_SOON_DAYS = 30

# These differ between any two certificates and are no change of what is said.
_NEW_EACH_TIME = frozenset(
    {"number", "issued_on", "signatories", "amends", "verification_url", "demonstration"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a certificate on a day; `replaced_by` is the number that amends it."""

    became: LoggedEvent
    on: date
    replaced_by: str | None = None


class Standing(StrEnum):
    """Where a certificate stands on a day."""

    UNKNOWN = "unknown"
    NOT_YET_ISSUED = "not_yet_issued"
    VALID = "valid"
    DUE_SOON = "due_soon"
    EXPIRED = "expired"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOn:
    """The standing of a certificate on a day; `replaced_by` is the number that amends it.

    `since` is the day from which it stands so; of an expired one, the last day on which it held.
    """

    standing: Standing
    on: date
    since: date | None = None
    replaced_by: str | None = None


def amend(
    original: CertificateContent,
    corrected: CertificateContent,
    *,
    number: str,
    issued_on: date,
    signatories: tuple[Signatory, ...],
    reason_zh: str,
    reason_en: str,
    original_sha256: str | None = None,
    changes: Iterable[Change] = (),
) -> CertificateContent:
    """Return the new certificate that takes the place of `original` and says why.

    `corrected` holds what the new certificate says; its number, day, signatures and the naming of
    the original are set here. `changes` are what became of the original before. Raises
    AlreadyWithdrawn, AlreadyAmended, FieldMissing for an empty reason, FieldMalformed for the old
    number or an earlier day, NothingChanged, or what content refuses.
    """
    require_amendable(original.number, changes)
    for name, reason in (("reason_zh", reason_zh), ("reason_en", reason_en)):
        if not reason.strip():
            raise FieldMissing(f"amends.{name}", "amendment")
    if number == original.number:
        raise FieldMalformed("number", "an amendment has a number of its own")
    if issued_on < original.issued_on:
        raise FieldMalformed("issued_on", "before the certificate that it amends")
    if not changed_fields(original, corrected):
        raise NothingChanged(original.number)
    return replace(
        corrected,
        number=number,
        issued_on=issued_on,
        signatories=signatories,
        amends=Amendment(
            number=original.number,
            reason_zh=reason_zh,
            reason_en=reason_en,
            certificate_sha256=original_sha256,
        ),
    )


def require_amendable(number: str, changes: Iterable[Change]) -> None:
    """Refuse a certificate that is taken back, or has been amended: the newest is amended.

    Raises AlreadyWithdrawn or AlreadyAmended.
    """
    for change in changes:
        if change.became in {LoggedEvent.WITHDRAWN, LoggedEvent.VOIDED}:
            raise AlreadyWithdrawn(number)
        if change.became is LoggedEvent.AMENDED:
            raise AlreadyAmended(number, change.replaced_by or "")


def changed_fields(original: CertificateContent, amended: CertificateContent) -> tuple[str, ...]:
    """Return the paths of what the second says otherwise, to be identified on it (7.8.8.2)."""
    first, second = original.as_mapping(), amended.as_mapping()
    kept = [name for name in first if name not in _NEW_EACH_TIME]
    return tuple(path for name in kept for path in _differences(first[name], second[name], name))


def standing_on(
    on: date, *, issued_on: date, valid_until: date | None, changes: Iterable[Change] = ()
) -> StandingOn:
    """Return where a certificate stands on a day: taken back before amended before expired.

    It holds on its last day still; in the last thirty it is due soon. No end means no expiry.
    """
    if on < issued_on:
        return StandingOn(standing=Standing.NOT_YET_ISSUED, on=on)
    known = {change.became: change for change in changes if change.on <= on}
    for became, standing in (
        (LoggedEvent.VOIDED, Standing.VOIDED),
        (LoggedEvent.WITHDRAWN, Standing.WITHDRAWN),
        (LoggedEvent.AMENDED, Standing.AMENDED),
    ):
        if change := known.get(became):
            return StandingOn(
                standing=standing, on=on, since=change.on, replaced_by=change.replaced_by
            )
    if valid_until is not None and valid_until < on:
        return StandingOn(standing=Standing.EXPIRED, on=on, since=valid_until)
    due_soon = valid_until is not None and (valid_until - on).days <= DUE_SOON_DAYS
    standing = Standing.DUE_SOON if due_soon else Standing.VALID
    return StandingOn(standing=standing, on=on, since=issued_on)


def _differences(one: Any, other: Any, path: str) -> Iterator[str]:
    if one == other:
        return
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in one:
            yield from _differences(one[name], other[name], f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from _differences(first, second, f"{path}[{index}]")
    else:
        yield path
