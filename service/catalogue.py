"""The procedure editions that ship with the service, each with its own text."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from procedures.method import ProcedureEdition, read_edition
from service.errors import NotFound


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """An edition and the text it was read from, which a book keeps word for word."""

    edition: ProcedureEdition
    text: str


@cache
def built_in_editions() -> tuple[BuiltIn, ...]:
    """Return every edition of the catalogue."""
    folder = files("procedures") / "catalogue"
    texts = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
    return tuple(
        BuiltIn(read_edition(text, name=name), text) for name, text in sorted(texts.items())
    )


def edition_in_force(code: str, *, on: date) -> BuiltIn:
    """Return the edition of a procedure that is in force on a day.

    Raises:
        NotFound: the catalogue has none.
    """
    for built_in in built_in_editions():
        if built_in.edition.code == code and built_in.edition.is_in_force(on):
            return built_in
    raise NotFound("procedure edition in force", f"{code} on {on}")
