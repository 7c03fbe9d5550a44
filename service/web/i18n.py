"""The languages of the pages: the catalogues, which one a request gets, and who is speaking now."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from fastapi import Request
from jinja2 import Environment

from service.web.views import Bilingual
from traceability.drawing import Language

LANGUAGES = ("en", "zh")
HTML_LANGUAGE = {"en": "en", "zh": "zh-Hans"}
LANGUAGE_COOKIE = "lang"

_language: ContextVar[str] = ContextVar("language", default="en")


def load_catalogues() -> dict[str, NullTranslations]:
    """Read the catalogues; English is what the templates are written in."""
    source = files("service.web") / "locale" / "zh" / "LC_MESSAGES" / "messages.po"
    compiled = BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale="zh"))
    compiled.seek(0)
    return {"en": NullTranslations(), "zh": Translations(compiled)}


CATALOGUES = load_catalogues()


def language() -> str:
    """Return the language being spoken: en or zh."""
    return _language.get()


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak a language until the block ends, in this task or thread only."""
    token = _language.set(code)
    try:
        yield
    finally:
        _language.reset(token)


def gettext(message: str) -> str:
    """Return the message in the language being spoken."""
    return CATALOGUES[language()].gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Return the message for a number of things in the language being spoken."""
    return CATALOGUES[language()].ngettext(singular, plural, number)


def say(text: Bilingual) -> str:
    """Return a text of the data in the language being spoken."""
    return text.zh if language() == "zh" else text.en


def install(environment: Environment) -> None:
    """Let the templates of the one environment ask for the language at every call.

    Installing one catalogue for each request would change it for the requests beside it.
    """
    install_callables: Callable[..., None] = environment.install_gettext_callables  # type: ignore[attr-defined]  # jinja2.ext.i18n adds it
    install_callables(gettext, ngettext, newstyle=True)


def choose_language(query: Mapping[str, str], cookies: Mapping[str, str], accepted: str) -> str:
    """Return the language asked for in the address, else remembered, else accepted, else en.

    >>> choose_language({}, {}, "fr;q=0.9, zh-CN;q=0.8, en;q=0.1")
    'zh'
    """
    for asked in (query.get(LANGUAGE_COOKIE), cookies.get(LANGUAGE_COOKIE)):
        if asked in LANGUAGES:
            return asked
    by_weight = sorted(map(_weighted, accepted.split(",")), key=lambda pair: -pair[1])
    return next((code for code, weight in by_weight if code in LANGUAGES and weight > 0), "en")


def _weighted(entry: str) -> tuple[str, float]:
    """Return one entry of Accept-Language as primary subtag and weight; unreadable weighs 0."""
    tag, _, weight = entry.partition(";q=")
    try:
        return tag.strip().split("-")[0].lower(), float(weight or 1)
    except ValueError:
        return "", 0.0


def language_of(request: Request) -> Language:
    """Return the language that a request is to be answered in: en or zh."""
    accepted = request.headers.get("accept-language", "")
    chosen = choose_language(request.query_params, request.cookies, accepted)
    return "zh" if chosen == "zh" else "en"
