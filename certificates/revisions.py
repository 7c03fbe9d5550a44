"""Amendment and withdrawal: a certificate is never edited, another takes its place.

Source: ISO/IEC 17025:2017, 7.8.8.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from certificates.content import AmendedText, Amendment, CertificateContent, Signatory
from certificates.errors import (
    AlreadyAmended,
    AlreadyWithdrawn,
    FieldForbidden,
    FieldMalformed,
    FieldMissing,
    NothingChanged,
)
from certificates.log import LoggedEvent

DUE_SOON_DAYS = 30

# These differ between any two certificates and are no change of what is said.
_NEW_EACH_TIME = frozenset(
    {"number", "issued_on", "signatories", "amends", "verification_url", "demonstration", "form"}
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
    require_changed(original, corrected)
    return replace(
        corrected,
        number=number,
        issued_on=issued_on,
        signatories=signatories,
        amends=Amendment(
            number=original.number,
            reason_zh=reason_zh,
            reason_en=reason_en,
            changes=amended_texts(original, corrected),
            certificate_sha256=original_sha256,
        ),
    )


def require_standing(number: str, changes: Iterable[Change]) -> None:
    """Refuse a certificate that was taken back. Raises AlreadyWithdrawn."""
    if any(change.became in {LoggedEvent.WITHDRAWN, LoggedEvent.VOIDED} for change in changes):
        raise AlreadyWithdrawn(number)


def require_amendable(number: str, changes: Iterable[Change]) -> None:
    """Refuse a certificate that was taken back, or has been amended: the newest is amended.

    Raises AlreadyWithdrawn or AlreadyAmended.
    """
    changes = tuple(changes)
    require_standing(number, changes)
    for change in changes:
        if change.became is LoggedEvent.AMENDED:
            raise AlreadyAmended(number, change.replaced_by or "")


def require_changed(original: CertificateContent, corrected: CertificateContent) -> None:
    """Refuse an amendment that says what the original says. Raises NothingChanged."""
    if not changed_fields(original, corrected):
        raise NothingChanged(original.number)


def changed_fields(original: CertificateContent, amended: CertificateContent) -> tuple[str, ...]:
    """Return the paths of what the second says otherwise, to be identified on it (7.8.8.2)."""
    first, second = original.as_mapping(), amended.as_mapping()
    return tuple(
        path
        for name in first | second
        if name not in _NEW_EACH_TIME
        for path in _differences(first.get(name), second.get(name), name)
    )


def amended_texts(
    original: CertificateContent, amended: CertificateContent
) -> tuple[AmendedText, ...]:
    """Return each field that is changed, with its texts where it holds one."""
    first, second = original.as_mapping(), amended.as_mapping()
    return tuple(
        AmendedText(field=path, before=_text_at(first, path), after=_text_at(second, path))
        for path in changed_fields(original, amended)
    )


def correct(content: CertificateContent, corrections: Mapping[str, str]) -> CertificateContent:
    """Return a certificate with texts put right that stand beside the record of the work.

    What the record says, such as a result, is put right by a new record: it is not corrected here.

    Args:
        corrections: the right text of each field, by its path, such as `item.serial_number`.

    Raises FieldForbidden for what the record says, FieldMalformed for no such field, or what the
    content refuses.
    """
    mapping = content.as_mapping()
    for path, text in corrections.items():
        owner, _, name = path.rpartition(".")
        if not (owner in _CORRECTABLE or path in _CORRECTABLE):
            raise FieldForbidden(path, "correction", "the record says it: record the work anew")
        holder = mapping[owner] if owner else mapping
        if holder is None or name not in holder:
            raise FieldMalformed(path, "there is no such field")
        holder[name] = text
    return CertificateContent.from_mapping(mapping)


_CORRECTABLE = frozenset(
    {"item", "customer", "place_zh", "place_en", "laboratory.address", "laboratory.contact"}
)


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


def _text_at(mapping: Any, path: str) -> str:
    """Return the text at a path of names; nothing where there is none, or more than a text."""
    value = mapping
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def _differences(one: Any, other: Any, path: str) -> Iterator[str]:
    if one == other:
        return
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in {**one, **other}:
            yield from _differences(one.get(name), other.get(name), f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from _differences(first, second, f"{path}[{index}]")
    else:
        yield path
