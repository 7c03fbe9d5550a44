"""In which language a command speaks."""

import os
from typing import Literal

import typer

Language = Literal["zh", "en"]


def language_of(lang: str | None) -> Language:
    """Return the language asked for by --lang; where none is, that of the locale, else en.

    Raises:
        typer.BadParameter: it is neither zh nor en.
    """
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((name for name in names if name), "")
    match lang or ("zh" if locale.startswith("zh") else "en"):
        case "zh":
            return "zh"
        case "en":
            return "en"
    raise typer.BadParameter("zh or en", param_hint="--lang")
