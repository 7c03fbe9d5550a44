"""The procedure editions that ship with the service, each with its own text."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from procedures.edition import compared_with
from procedures.edition_reader import EditionUnreadable
from procedures.method import ProcedureEdition, read_edition
from service.errors import NotFound

LARGEST_TEXT = 200_000  # bytes of one edition


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """An edition and the text it was read from, which a book keeps word for word."""

    edition: ProcedureEdition
    text: str


@cache
def built_in_editions() -> tuple[BuiltIn, ...]:
    """Return every edition of the catalogue, JJG 52 before JJG 539."""
    folder = files("procedures") / "catalogue"
    texts = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
    read = (BuiltIn(read_edition(text, name=name), text) for name, text in texts.items())
    return tuple(sorted(read, key=in_order))


def in_order(kept: BuiltIn) -> tuple[str, tuple[int, ...], str]:
    """Return by what editions are listed: series, number, edition."""
    series, _, number = kept.edition.code.partition(" ")
    digits = tuple(int(part) for part in number.split(".") if part.isdecimal())
    return series, digits, kept.edition.edition


def edition_in_force(code: str, *, on: date, beside: Iterable[BuiltIn] = ()) -> BuiltIn:
    """Return the edition of a procedure that is in force on a day.

    Raises:
        NotFound: the catalogue has none; the editions that ended or have not begun are named, with
            those `beside` it.
    """
    known = [row for row in built_in_editions() if row.edition.code == code]
    for built_in in known:
        if built_in.edition.is_in_force(on):
            return built_in
    told = "; ".join(f"{row.edition.name} {row.edition.in_force(on)}" for row in [*known, *beside])
    raise NotFound("procedure edition in force", f"{code} on {on}{told and f' ({told})'}")


def edition_named(code: str, edition: str) -> BuiltIn:
    """Return one edition of the catalogue, in force or not: old results are explained by it.

    Raises:
        NotFound: the catalogue has no such edition.
    """
    for built_in in built_in_editions():
        if (built_in.edition.code, built_in.edition.edition) == (code, edition):
            return built_in
    raise NotFound("procedure edition", f"{code}-{edition}")


def newest_edition(code: str) -> BuiltIn:
    """Return the edition of a code that nothing in the catalogue replaces.

    Raises:
        NotFound: the catalogue does not have the code.
    """
    known = [row for row in built_in_editions() if row.edition.code == code]
    if not known:
        raise NotFound("procedure", code)
    return max(known, key=lambda row: row.edition.edition)


def compared_with_catalogue(content: bytes, *, name: str) -> BuiltIn:
    """Read an edition of somebody's own, and say where it departs from the one it is based on.

    That is the one it names (`based_on`), or the one of the catalogue whose code and edition it
    bears.

    Raises:
        EditionUnreadable: it is not an edition, or is based on one that is not in the catalogue.
    """
    if len(content) > LARGEST_TEXT:
        raise EditionUnreadable(name, "", f"is longer than {LARGEST_TEXT} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EditionUnreadable(name, "", f"is not UTF-8 at byte {error.start}") from error
    edition = read_edition(text, name=name)
    originals = {row.edition.name: row.edition for row in built_in_editions()}
    if edition.based_on is not None and edition.based_on not in originals:
        raise EditionUnreadable(
            name, "based_on", f"{edition.based_on!r} is not in the catalogue: give one of its names"
        )
    original = originals.get(edition.based_on or edition.name)
    return BuiltIn(compared_with(edition, original) if original else edition, text)
