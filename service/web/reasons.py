"""Refusals and problems in the reader's words: what the actions say in English, told again."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from service.errors import InvalidField
from service.web.i18n import gettext
from service.web.words import N_

REASONS = (
    (r"nothing is read", N_("nothing is read yet")),
    (r"(parameters\.\w+: )?is missing( \(.*\))?", N_("is missing")),
    (r"is not recorded", N_("is not recorded")),
    (r"no standard is chosen", N_("no standard is chosen")),
    (r"stands twice", N_("stands twice")),
    (r"somebody changed it meanwhile",
     N_("Somebody changed it meanwhile. What you typed is still here: sent again, it takes the "
        "place of theirs.")),
    (r"another site has it", N_("another site has it")),
    (r"is a place within a place: name the inner one",
     N_("is a place within a place: name the inner one")),
    (r"nobody has looked", N_("nobody has looked yet")),
    (r"say what was adjusted", N_("say what was adjusted")),
    (r"say why nothing is as found", N_("say why nothing is as found")),
    (r"say why its use is limited", N_("say why its use is limited")),
    (r"there is no such remark", N_("there is no such remark")),
    (r"holds what cannot be printed", N_("holds a character that cannot be printed")),
    (r"no point is read within it", N_("no point is read within it")),
    (r"(?P<text>.+): write the decimal sign as a point",
     N_("%(text)s: write the decimal sign as a point")),
    (r"(?P<text>.+) is not a number( that can be read)?", N_("%(text)s is not a number")),
    (r"(?P<text>\S+) must be among the points", N_("%(text)s must be among the points")),
    (r"(?P<text>\S+) is out of limits: (?P<limits>.+)",
     N_("%(text)s is out of limits (%(limits)s)")),
    (r".* has no accuracy class (?P<text>.+); it has (?P<limits>.+)",
     N_("the edition has no class %(text)s, only %(limits)s")),
    (r".*expired.*", N_("The standard's certificate has expired.")),
    (r".*may not be used: .*superseded.*",
     N_("Another certificate of the standard is in force by now: read these points again.")),
    (r".*may not be used: (?P<text>.+)", N_("The standard may not be used: %(text)s")),
    (r"the worksheet is kept, but cannot be submitted.*",
     N_("The worksheet is kept, but cannot be submitted yet.")),
    (r"the worksheet is at version (?P<text>\S+) by now.*",
     N_("Somebody saved revision %(text)s meanwhile. What you typed is still here.")),
    (r"the item is not assigned to (?P<text>.+)", N_("The item is not assigned to %(text)s.")),
    (r"(?P<text>.+) is not authorised for (?P<limits>.+)",
     N_("%(text)s is not authorised for %(limits)s.")),
    (r"(?P<text>.+) is authorised for (?P<limits>.+) until (?P<until>\S+), not on .*",
     N_("%(text)s is authorised for %(limits)s until %(until)s only.")),
    (r"(?P<text>.+) has (?P<limits>\d+) items on (?P<until>\S+) already.*",
     N_("%(text)s has %(limits)s items on %(until)s already, which is the most.")),
    (r"calibration .* is signed as .*three persons sign",
     N_("You have signed this record already: three different persons sign.")),
    (r"the item is (?P<text>\w+): .*", N_("The item is at another step by now.")),
    (r"there is neither a file nor anything pasted",
     N_("There is neither a file nor anything pasted.")),
    (r"the role does not cover .*", N_("Your role does not cover this.")),
    (r"(?P<text>\S+) has not come yet", N_("%(text)s has not come yet")),
    (r"'(?P<text>.*)' is no day", N_("“%(text)s” is no day")),
    (r"a usage reading has a value and a unit; nothing else has",
     N_("A usage reading has a total and a unit; nothing else has.")),
    (r"name what the period is for; for all items, nothing",
     N_("Say for what the period is; for all items leave it empty.")),
    (r"a limit of use and its unit come together",
     N_("A limit of use and its unit come together.")),
    (r"'(?P<text>.*)' is no item's id|no item (?P<limits>\S+)",
     N_("Open the item and set its period from there.")),
    (r"laboratory\.authorisations: a verification_\w+ must carry it",
     N_("No authorisation (计量授权) of the laboratory for this procedure and day is on record: "
        "the operator records it by `suyuan organization authorise`.")),
    (r"laboratory\.contact: .* must carry it",
     N_("The laboratory's telephone or mail address is not on record: the operator tells it by "
        "`suyuan organization change`.")),
    (r"whole months from 1 to (?P<text>\d+)", N_("Whole months from 1 to %(text)s.")),
    (r"(?P<text>\d\S+) lies after (?P<until>\d\S+)", N_("%(text)s lies after %(until)s")),
    (r"is not above 0", N_("is not above 0")),
    (r"valid until \S+, but the legal period allows (?P<until>\d\S+)",
     N_("The law sets this period: it ends on %(until)s, and may only be brought forward.")),
    (r"valid until \S+, but the legal period allows no day, .*",
     N_("The law asks for a verification first: the item was never verified.")),
    (r"(?P<text>.+) is (?P<limits>\w+) in (?P<until>\S+)",
     N_("%(text)s stands in the work order %(until)s already.")),
)  # fmt: skip
PATTERNS = tuple((re.compile(pattern, re.DOTALL), message) for pattern, message in REASONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A sentence in the reader's language; `english` where there is only the English one."""

    message: str = ""
    figures: dict[str, str] = field(default_factory=dict)
    english: str = ""

    def __str__(self) -> str:
        """Return it in the language being spoken."""
        say: Callable[[str], str] = gettext
        return say(self.message) % self.figures if self.message else self.english


def told(error: Exception) -> Told:
    """Return what an error says; the field that it names only where no words of ours tell it."""
    if isinstance(error, InvalidField):
        found = told_problem(error.reason)
        return found if found.message else Told(english=str(error))
    return told_problem(str(error))


def told_problem(reason: str) -> Told:
    """Return what a reason says, in words of the catalogue where it has them.

    >>> str(told_problem("is missing"))
    'is missing'
    """
    for pattern, message in PATTERNS:
        found = pattern.fullmatch(reason)
        if found is not None:
            return Told(message=message, figures=found.groupdict())
    return Told(english=reason)
