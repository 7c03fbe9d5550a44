"""Certificate numbers CODE-YYYY-NNNNN-C and what people type for them and for serial numbers.

C is a check character by ISO/IEC 7064, MOD 37,36 over the letters and digits before it: it
detects every single wrong character and nearly every swap of neighbours. Numbers that an issuer
gave out earlier, or in another form, are carried as the issuer wrote them.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import islice, product

from certificates.errors import CheckCharacterWrong, NumberMalformed

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CODE = re.compile(r"[A-Z][A-Z0-9]{1,11}", re.ASCII)
_DASHES = re.compile("[\u2010-\u2015\u2212\u2043\u30fc\ufe58\ufe63\uff0d_]")
_SPACES = re.compile(r"\s+")
_LOOKS_LIKE_DIGIT = str.maketrans("OIL", "011")
_LOOKS_LIKE = {letter: alike for alike in ("0O", "1IL") for letter in alike}
_MOST_READINGS = 243  # that are tried

# As typed, after unifying letters and dashes: O may stand for 0, and I or L for 1.
_D = "[0-9OIL]"
_DASHED = re.compile(rf"([A-Z0-9]{{2,12}})-({_D}{{4}})-({_D}{{5,9}})-?([A-Z0-9])", re.ASCII)
_UNDASHED = re.compile(rf"([A-Z0-9]{{2,12}})({_D}{{4}})({_D}{{5}})([A-Z0-9])", re.ASCII)
_OLDER = re.compile(rf"([A-Z][A-Z0-9]{{1,11}})-({_D}{{4}})-({_D}{{5}})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class CertificateNumber:
    """The parts of a number; `str()` of it is the number as it is printed."""

    code: str
    year: int
    sequence: int

    def __str__(self) -> str:
        return f"{self._body()}-{check_character(self._body())}"

    def _body(self) -> str:
        return f"{self.code}-{self.year:04d}-{self.sequence:05d}"


def check_character(text: str) -> str:
    """Return the check character of the letters and digits of `text`; dashes do not count.

    >>> check_character("A12425GABC1234002")
    'M'

    Source: ISO/IEC 7064:2003, 8 (hybrid system MOD 37,36).
    """
    product = 36
    for letter in text.replace("-", ""):
        total = (product + _ALPHABET.index(letter)) % 36 or 36
        product = total * 2 % 37
    return _ALPHABET[(37 - product) % 36]


def format_number(code: str, year: int, sequence: int) -> str:
    """Return the number that an organization's `sequence` in a year becomes.

    `code` is 2 to 12 capital letters and digits, a letter first; `sequence` starts at 1.
    Raises NumberMalformed.
    """
    if not _CODE.fullmatch(code):
        raise NumberMalformed(code, "an organization's code is 2 to 12 capitals and digits")
    if not 1900 <= year <= 9999 or not 1 <= sequence <= 999_999_999:
        raise NumberMalformed(f"{year}-{sequence}", "the year or the sequence is out of range")
    return str(CertificateNumber(code, year, sequence))


def parse_number(text: str) -> CertificateNumber:
    """Return the parts of a number as somebody typed it.

    Full-width letters, lower case, spaces and any dash are taken. Where only digits can stand, in
    the year and the sequence, O is read as 0 and I or L as 1; elsewhere both could be meant.
    Raises NumberMalformed or CheckCharacterWrong.
    """
    typed = unify_letters(text)
    match = _DASHED.fullmatch(typed) or _UNDASHED.fullmatch(typed)
    if match is None:
        raise NumberMalformed(text, "not of the form CODE-YYYY-NNNNN-C")
    code, year, sequence, check = match.groups()
    if not _CODE.fullmatch(code):
        raise NumberMalformed(text, "an organization's code begins with a letter")
    year, sequence = (part.translate(_LOOKS_LIKE_DIGIT) for part in (year, sequence))
    if check_character(f"{code}{year}{sequence}") != check:
        raise CheckCharacterWrong(text, "the check character does not belong to the number")
    return CertificateNumber(code, int(year), int(sequence))


def normalize_number(text: str) -> str:
    """Return the number to look for when somebody typed `text`.

    Our own numbers come back as they are printed, the older CODE-YYYY-NNNNN likewise; any other
    number only loses outer and repeated spaces, for its letters are its issuer's.
    """
    try:
        return str(parse_number(text))
    except (NumberMalformed, CheckCharacterWrong):
        older = _OLDER.fullmatch(unify_letters(text))
    if older is None:
        return _SPACES.sub(" ", text).strip()
    code, year, sequence = older.groups()
    return "-".join((code, *(part.translate(_LOOKS_LIKE_DIGIT) for part in (year, sequence))))


def other_readings(text: str) -> tuple[str, ...]:
    """Return the other numbers that `text` may have been meant as, where letters look alike.

    In the code and in the check character O may stand for 0, and I, L and 1 for one another; each
    number returned has its right check character. Which of them there is, only a directory knows.
    """
    typed = unify_letters(text)
    match = _DASHED.fullmatch(typed) or _UNDASHED.fullmatch(typed)
    if match is None:
        return ()
    code, year, sequence, check = match.groups()
    year, sequence = (part.translate(_LOOKS_LIKE_DIGIT) for part in (year, sequence))
    alike = product(*(_LOOKS_LIKE.get(letter, letter) for letter in code))
    codes = ("".join(letters) for letters in islice(alike, _MOST_READINGS))
    numbers = (
        str(CertificateNumber(code, int(year), int(sequence)))
        for code in codes
        if _CODE.fullmatch(code)
    )
    as_read = normalize_number(text)
    return tuple(
        number
        for number in numbers
        if number[-1] in _LOOKS_LIKE.get(check, check) and number != as_read
    )


def normalize_serial_number(text: str) -> str:
    """Return what two spellings of one serial number have in common, to compare and to look up.

    Full-width and half-width, case, spaces and dashes do not count; leading zeros do.

    >>> normalize_serial_number("ｋｓ25－0417") == normalize_serial_number("KS25 0417")
    True
    """
    return unify_letters(text).replace("-", "")


def unify_letters(text: str) -> str:
    """Return `text` in half-width capitals, without spaces, every dash a plain hyphen."""
    letters = unicodedata.normalize("NFKC", _DASHES.sub("-", text)).upper()
    return _SPACES.sub("", _DASHES.sub("-", letters))
