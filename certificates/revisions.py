"""Amendment and withdrawal: a certificate is never edited, another takes its place.

Source: ISO/IEC 17025:2017, 7.8.8.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from certificates.content import Amendment, CertificateContent, Signatory
from certificates.errors import AlreadyWithdrawn, FieldMalformed, FieldMissing, NothingChanged

# These differ between any two certificates and are no change of what is said.
_NEW_EACH_TIME = frozenset(
    {"number", "issued_on", "signatories", "amends", "verification_url", "demonstration"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A certificate taken back from a day on, with the reason that its holders are told."""

    number: str
    withdrawn_on: date
    reason_zh: str
    reason_en: str

    def __post_init__(self) -> None:
        for name in ("number", "reason_zh", "reason_en"):
            if not getattr(self, name).strip():
                raise FieldMissing(name, "withdrawal")


class Standing(StrEnum):
    """Where a certificate stands on a day."""

    NOT_YET_ISSUED = "not_yet_issued"
    IN_FORCE = "in_force"
    EXPIRED = "expired"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOn:
    """The standing of a certificate on a day; `replaced_by` is the number that amends it."""

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
    withdrawal: Withdrawal | None = None,
) -> CertificateContent:
    """Return the new certificate that takes the place of `original` and says why.

    `corrected` holds what the new certificate says; its number, day, signatures and the naming of
    the original are set here. Raises AlreadyWithdrawn, FieldMissing for an empty reason,
    FieldMalformed for the old number or an earlier day, NothingChanged, or what content refuses.
    """
    if withdrawal is not None:
        raise AlreadyWithdrawn(original.number)
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


def changed_fields(original: CertificateContent, amended: CertificateContent) -> tuple[str, ...]:
    """Return the paths of what the second says otherwise, to be identified on it (7.8.8.2)."""
    first, second = original.as_mapping(), amended.as_mapping()
    kept = [name for name in first if name not in _NEW_EACH_TIME]
    return tuple(path for name in kept for path in _differences(first[name], second[name], name))


def standing_on(
    content: CertificateContent,
    on: date,
    *,
    amendments: Iterable[CertificateContent] = (),
    withdrawal: Withdrawal | None = None,
) -> StandingOn:
    """Return where a certificate stands on a day: withdrawn before amended before expired.

    `amendments` are the certificates that name this one. A certificate is in force on its last day.
    """
    if on < content.issued_on:
        return StandingOn(standing=Standing.NOT_YET_ISSUED, on=on)
    if withdrawal is not None and withdrawal.withdrawn_on <= on:
        return StandingOn(standing=Standing.WITHDRAWN, on=on, since=withdrawal.withdrawn_on)
    naming = [
        amended
        for amended in amendments
        if amended.amends is not None
        and amended.amends.number == content.number
        and amended.issued_on <= on
    ]
    if naming:
        latest = max(naming, key=lambda amended: amended.issued_on)
        return StandingOn(
            standing=Standing.AMENDED, on=on, since=latest.issued_on, replaced_by=latest.number
        )
    if content.valid_until is not None and content.valid_until < on:
        return StandingOn(standing=Standing.EXPIRED, on=on, since=content.valid_until)
    return StandingOn(standing=Standing.IN_FORCE, on=on, since=content.issued_on)


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
