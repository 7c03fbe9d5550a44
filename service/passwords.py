"""Passwords: which are taken, and how they are kept (NIST SP 800-63B-4, 3.1.1; argon2id).

Nobody's leaked list is shipped: what people choose first follows from a few rules and words.
"""

import re
import unicodedata
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from service.errors import InvalidField

ALONE, WITH_SECOND_FACTOR, LONGEST = 15, 8, 128  # characters
HASHES_AT_ONCE = BoundedSemaphore(4)  # each takes 19 MiB
HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
OF_NOBODY = HASHER.hash("no account has this name")  # so that an unknown name takes as long
ROWS = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "qazwsxedcrfvtgbyhnujm")  # fmt: skip
WORDS = (
    "admin", "administrator", "baseball", "beijing", "calibration", "changeme", "china", "computer",
    "default", "dragon", "flower", "football", "gauge", "guest", "hello", "iloveyou", "internet",
    "jiliang", "jiaozhun", "jianding", "laboratory", "letmein", "login", "love", "manager",
    "master", "metrology", "mima", "money", "monkey", "nihao", "office", "password", "passwort",
    "pressure", "princess", "root", "secret", "server", "service", "shadow", "shanghai", "spring",
    "summer", "autumn", "winter", "sunshine", "superman", "suyuan", "system", "temp", "test",
    "trustno", "user", "welcome", "woaini", "wode", "zhongguo", "laoban",
)  # fmt: skip
GONE = "\0"
LEET = str.maketrans("0134578@$!+", "oleastbasit")


def require_acceptable(password: str, *, second_factor: bool, about: tuple[str, ...] = ()) -> None:
    """Refuse a password that is too short, too long, or among the first that anybody would try.

    Args:
        password: as it was typed.
        second_factor: whether the account has one; 8 characters suffice then, 15 otherwise.
        about: what others know of the person: names, the organization's code.

    Raises:
        InvalidField: with the rule.
    """
    text = unicodedata.normalize("NFKC", password)
    least = WITH_SECOND_FACTOR if second_factor else ALONE
    if not least <= len(text) <= LONGEST:
        raise InvalidField("/password", f"between {least} and {LONGEST} characters")
    if _is_guessable(text.casefold(), about):
        raise InvalidField("/password", "among the first that anybody would try: take some words "
                           "that do not belong together")  # fmt: skip


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    with HASHES_AT_ONCE:
        return HASHER.hash(unicodedata.normalize("NFKC", password))


def is_right(password: str, kept: str | None) -> bool:
    """Return whether a password is the kept one; an absent one takes as long to refuse."""
    with HASHES_AT_ONCE:
        try:
            HASHER.verify(kept or OF_NOBODY, unicodedata.normalize("NFKC", password))
        except (VerificationError, InvalidHashError):
            return False
    return kept is not None


def _is_guessable(text: str, about: tuple[str, ...]) -> bool:
    """Return whether little is left once known words, rows, repeats and digits are taken away."""
    known = (*WORDS, *(part for name in about for part in name.casefold().split()))
    words = re.compile("|".join(re.escape(word) for word in sorted(known, key=len, reverse=True)))
    return any(_left(text, variant, words) < 4 for variant in (text, text.translate(LEET)))


def _left(text: str, variant: str, words: re.Pattern[str]) -> int:
    """Return how many different letters, digits aside, follow from no rule.

    Args:
        text: as typed.
        variant: the same letter by letter, with look-alikes undone; known words are sought in it.
        words: those known.
    """
    masked = words.sub(lambda word: GONE * len(word[0]), variant)
    rest = [letter for letter, seen in zip(text, masked, strict=True) if seen != GONE]
    return len({
        letter
        for before, letter in zip((" ", *rest), rest, strict=False)
        if not (letter.isdigit() or letter.isspace() or _follow(before + letter))
    })  # fmt: skip


def _follow(pair: str) -> bool:
    """Return whether two letters stand side by side in a row, of the alphabet or of the keys."""
    return any(pair in row or pair[::-1] in row for row in ROWS)
